"""What can be set, refused, typed or depended on is in docs/, and docs/ names nothing that is not there."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
import typer

from edge.core.address_book import Sources, load_seed
from edge.core.refusals import REFUSALS, CrawlerError, RefusalCode
from edge.settings import Settings
from tests.support.source_tree import ROOT, files

PROGRAMS = {"farebox": "edge.cli.main", "farebox-crawl": "edge.client.cli"}


@cache
def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def names(text: str, word: str) -> bool:
    """Whether the word stands in the text on its own, not as a part of a longer one."""
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None


# Settings


def test_every_setting_is_documented() -> None:
    missing = [name for name in setting_names() if not names(page("operations.md"), name)]
    assert not missing, f"docs/operations.md does not name {missing}"


def test_no_other_setting_is_documented() -> None:
    written = {
        name for path in files(".md") for name in re.findall(r"\bFAREBOX_[A-Z_]*[A-Z]\b", path.read_text("utf-8"))
    }
    unknown = written - set(setting_names()) - set(crawler_variables())
    assert not unknown, f"not a setting: {sorted(unknown)}"


def setting_names() -> list[str]:
    return [f"FAREBOX_{name.upper()}" for name in Settings.model_fields]


def crawler_variables() -> set[str]:
    """What `farebox-crawl` takes from the environment, by its options."""
    program = "farebox-crawl"
    return {
        parameter.envvar
        for _, command in leaves(root_command(program), program)
        for parameter in command.params
        if parameter.envvar
    }


def test_what_the_crawlers_program_takes_from_the_environment_is_documented() -> None:
    assert crawler_variables() == {"FAREBOX_CRAWL_LOG", "FAREBOX_CRAWL_STORE"}
    assert all(names(page("commands.md"), name) for name in crawler_variables())


# Refusals


@pytest.mark.parametrize("code", list(RefusalCode), ids=str)
def test_every_refusal_code_is_documented_with_its_status(code: RefusalCode) -> None:
    rows = [line for line in page("protocol.md").splitlines() if f"`{code}`" in line]
    assert rows, f"docs/protocol.md does not name `{code}`"
    assert any(names(row, str(REFUSALS[code].status)) for row in rows), f"`{code}` without {REFUSALS[code].status}"


@pytest.mark.parametrize("error", list(CrawlerError), ids=str)
def test_every_crawler_error_is_documented(error: CrawlerError) -> None:
    assert names(page("protocol.md"), error), f"docs/protocol.md does not name {error}"


# Commands


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_command_is_documented(program: str) -> None:
    missing = [path for path, _ in leaves(root_command(program), program) if not names(page("commands.md"), path)]
    assert not missing, f"docs/commands.md does not name {missing}"


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_command_that_is_documented_exists_with_its_options(program: str) -> None:
    known = dict(leaves(root_command(program), program))
    lines = documented(program)
    assert lines, f"docs/commands.md shows no `{program}` command"
    for line in lines:
        command = next((known[path] for path in sorted(known, key=len, reverse=True) if names(line, path)), None)
        assert command is not None, f"docs/commands.md: no such command: {line}"
        options = {option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]}
        written = {word.partition("=")[0] for word in shlex.split(line) if word.startswith("--")}
        assert written <= options | {"--help"}, f"docs/commands.md: {line}: no option {sorted(written - options)}"


def documented(program: str) -> list[str]:
    """The lines of docs/commands.md's code blocks that call the program, comments and optional marks taken off."""
    lines = [line.partition("  #")[0].strip() for line in page("commands.md").splitlines()]
    return [re.sub(r"[\[\]]", "", line) for line in lines if line.startswith(f"{program} ")]


def root_command(program: str) -> Any:
    """Typer's own copy of click builds this; it has `params`, `hidden` and, for a group, `commands`."""
    return typer.main.get_command(typer_app(import_module(PROGRAMS[program])))


def typer_app(module: ModuleType) -> typer.Typer:
    return next(value for value in vars(module).values() if isinstance(value, typer.Typer))


def leaves(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield every command that does something, with the words that call it."""
    children = getattr(command, "commands", {})
    for name, child in children.items():
        if not child.hidden:
            yield from leaves(child, f"{path} {name}")
    if not children:
        yield path, command


# The rest


def test_every_dependency_has_its_reason_written() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    wanted = [*project["project"]["dependencies"], *groups["build"], *groups["check"], *groups["test"]]
    distributions = [re.split(r"[^\w.-]", requirement)[0] for requirement in wanted]
    missing = [name for name in distributions if f"`{name}`" not in page("decisions/0001-dependencies.md")]
    assert not missing, f"docs/decisions/0001-dependencies.md does not name {missing}"


def test_every_link_between_pages_leads_somewhere() -> None:
    for path in files(".md"):
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.relative_to(ROOT)}: nothing at {target}"


def test_every_make_target_is_in_the_help() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE)) - {"help", "python"}
    told = set(re.findall(r'@echo "make ([a-z]+) ', makefile))
    assert told == targets


def test_every_list_of_addresses_is_named_with_the_day_of_its_shipped_copy() -> None:
    seeds = {seed.url: seed.published for seed in load_seed()}
    rows = [line for line in page("operations.md").splitlines() if line.startswith("| `") and line.count("|") == 4]
    for feed in Sources.load().feeds:
        [row] = [row for row in rows if row.startswith(f"| `{feed.url.removeprefix('https://')}` |")]
        assert row.endswith(f"| {seeds.get(feed.url, 'none: fetched after the first start')} |")
