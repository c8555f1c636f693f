"""Every command explains itself, ends with the documented exit code, and complains in one sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import edge
from edge.cli.main import app
from tests.cli.conftest import Farebox


def leaves(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    children = getattr(command, "commands", {})
    for name, child in children.items():
        yield from leaves(child, (*words, name))
    if not children:
        yield words, command


COMMANDS = dict(leaves(typer.main.get_command(app)))
EXPLAINS_ITSELF_ONLY = {("serve",), ("sample-origin",), ("completion",), ("demo",)}
"""Commands that serve or print a script: they have nothing to say in JSON."""


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_each_command_has_help_with_an_example_that_calls_it(farebox_anywhere: Farebox, words: tuple[str, ...]) -> None:
    result = farebox_anywhere(*words, "--help")
    assert result.code == 0
    assert f"Example: farebox {' '.join(words)}" in " ".join(result.out.split())


@pytest.mark.parametrize("words", sorted(COMMANDS.keys() - EXPLAINS_ITSELF_ONLY), ids=" ".join)
def test_each_command_speaks_json(words: tuple[str, ...]) -> None:
    assert any("--json" in parameter.opts for parameter in COMMANDS[words].params)


def test_without_a_command_the_help_is_shown_as_wrong_usage(farebox_anywhere: Farebox) -> None:
    for words in ((), ("site",)):
        result = farebox_anywhere(*words)
        assert result.code == 2
        assert "Commands:" in result.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("sell",), "farebox: No such command 'sell'; add --help to see how the command is used."),
        (("site", "add", "x"), "Missing option '--publisher'"),
        (("site", "list", "--all"), "No such option: --all"),
        (("serve", "--workers", "0"), "Invalid value for '--workers'"),
        (("serve", "--only", "ledger"), "'ledger' is not one of 'edge', 'dashboard'"),
    ],
)
def test_wrong_words_end_with_2_and_one_line(farebox_anywhere: Farebox, words: tuple[str, ...], sentence: str) -> None:
    result = farebox_anywhere(*words)
    assert result.code == 2
    assert sentence in result.err
    assert result.err.count("\n") == 1
    assert result.out == ""


def test_a_setting_that_cannot_be_ends_with_1(farebox_anywhere: Farebox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAREBOX_WORKRS", "2")
    result = farebox_anywhere("config", "check")
    assert (result.code, result.out) == (1, "")
    assert result.err == "farebox: FAREBOX_WORKRS is not a setting; did you mean FAREBOX_WORKERS?\n"


@pytest.mark.parametrize("words", [("site", "list"), ("db", "check"), ("publisher", "add", "x", "--email", "a@b")])
def test_without_a_database_the_way_to_one_is_said_and_none_is_made(
    farebox_anywhere: Farebox, workplace: Path, words: tuple[str, ...]
) -> None:
    result = farebox_anywhere(*words)
    assert result.code == 1
    assert "run `farebox db upgrade`" in result.err
    assert list(workplace.iterdir()) == []


def test_a_database_that_cannot_be_opened_is_named_without_its_password(
    farebox_anywhere: Farebox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAREBOX_DATABASE_URL", "postgresql://farebox:s3cret@127.0.0.1:1/farebox")
    result = farebox_anywhere("site", "list")
    assert result.code == 1
    assert "127.0.0.1:1" in result.err
    assert "s3cret" not in result.err


def test_version_is_the_packages(farebox_anywhere: Farebox) -> None:
    assert farebox_anywhere("--version").out == f"farebox {edge.__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_be_taught_the_commands(farebox_anywhere: Farebox, shell: str) -> None:
    assert "_FAREBOX_COMPLETE" in farebox_anywhere("completion", shell).out


def farebox_process(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge.cli.main", *words]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FAREBOX_")}
    return subprocess.run(
        command,
        cwd=cwd,
        env={**clean, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
    )


def test_a_taught_shell_gets_the_words_that_fit(tmp_path: Path) -> None:
    completed = farebox_process(
        cwd=tmp_path, _FAREBOX_COMPLETE="complete_bash", COMP_WORDS="farebox si", COMP_CWORD="1"
    )
    assert completed.stdout.split() == ["site"]


def test_the_first_steps_work_as_processes_on_a_file(tmp_path: Path) -> None:
    made = farebox_process("db", "upgrade", cwd=tmp_path)
    assert (made.returncode, made.stderr) == (0, "")
    added = farebox_process("publisher", "add", "Example News", "--email", "owner@news.example", "--json", cwd=tmp_path)
    assert (added.returncode, added.stderr) == (0, "")
    assert json.loads(added.stdout)["name"] == "Example News"


def test_a_reader_that_leaves_early_is_not_an_error(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edge.cli.main", "config", "schema", "--json"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.wait(120) == 0
        assert process.stderr.read() == b""
