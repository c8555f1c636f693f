"""The command line in this process, in a directory of its own: words in; exit code, output and complaint out."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer

from edge.cli.main import app, run


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Farebox = Callable[..., Result]
Call = Callable[..., object]

FIRST_STEPS = (
    ("db", "upgrade"),
    ("publisher", "add", "Example News", "--email", "owner@news.example"),
    ("site", "add", "news.example", "--publisher", "Example News", "--origin", "http://127.0.0.1:9000"),
    ("crawler", "add", "ExampleBot", "--agent", "https://bot.example", "--kind", "training"),
    ("account", "credit", "ExampleBot", "USD 10", "--reference", "INV-1"),
)
UPGRADED, WITH_A_SITE, WITH_A_CRAWLER = 1, 3, 5
"""How many of the first steps a database has behind it."""


@pytest.fixture(scope="session")
def call() -> Call:
    main: Call = typer.main.get_command(app).main
    return main


@pytest.fixture(scope="session")
def ledgers(tmp_path_factory: pytest.TempPathFactory, call: Call) -> dict[int, Path]:
    """A database after each number of first steps, made by the commands themselves."""
    place = tmp_path_factory.mktemp("ledgers")
    ledgers = {}
    with pytest.MonkeyPatch.context() as monkeypatch:
        settle(monkeypatch, place)
        for number, words in enumerate(FIRST_STEPS, start=1):
            assert run(words, call) == 0, words
            ledgers[number] = shutil.copyfile(place / "farebox.db", place / f"{number}.db")
    return ledgers


def settle(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    """Work in a directory, with no setting in the environment."""
    for name in [name for name in os.environ if name.startswith("FAREBOX_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(place)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory without settings, where the commands work."""
    settle(monkeypatch, tmp_path)
    return tmp_path


@pytest.fixture
def farebox_anywhere(workplace: Path, call: Call, capsys: pytest.CaptureFixture[str]) -> Farebox:
    """Runs one command where there is no database yet."""

    def command(*words: str) -> Result:
        capsys.readouterr()
        code = run(words, call)
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return command


@pytest.fixture
def farebox(farebox_anywhere: Farebox, workplace: Path, ledgers: dict[int, Path]) -> Farebox:
    """Runs one command on an empty, upgraded database."""
    shutil.copyfile(ledgers[UPGRADED], workplace / "farebox.db")
    return farebox_anywhere


@pytest.fixture
def news(farebox_anywhere: Farebox, workplace: Path, ledgers: dict[int, Path]) -> Farebox:
    """The same, with the publisher Example News and its site news.example."""
    shutil.copyfile(ledgers[WITH_A_SITE], workplace / "farebox.db")
    return farebox_anywhere


@pytest.fixture
def shop(farebox_anywhere: Farebox, workplace: Path, ledgers: dict[int, Path]) -> Farebox:
    """The same, with the registered crawler ExampleBot, which has USD 10."""
    shutil.copyfile(ledgers[WITH_A_CRAWLER], workplace / "farebox.db")
    return farebox_anywhere
