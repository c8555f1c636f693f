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

from edge.cli.main import run
from edge.store import schema
from edge.store.database import Database


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


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ledger") / "farebox.db"
    database = Database.open(f"sqlite:///{path}")
    schema.upgrade(database)
    database.close()
    return path


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory without settings, where the commands work."""
    for name in os.environ:
        if name.startswith("FAREBOX_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def farebox_anywhere(workplace: Path, capsys: pytest.CaptureFixture[str]) -> Farebox:
    """Runs one command where there is no database yet."""

    def command(*words: str) -> Result:
        capsys.readouterr()
        code = run(words)
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return command


@pytest.fixture
def farebox(farebox_anywhere: Farebox, workplace: Path, empty_ledger: Path) -> Farebox:
    """Runs one command on an empty, upgraded database."""
    shutil.copyfile(empty_ledger, workplace / "farebox.db")
    return farebox_anywhere


@pytest.fixture
def news(farebox: Farebox) -> Farebox:
    """The same, with one publisher and its site news.example."""
    assert farebox("publisher", "add", "Example News", "--email", "owner@news.example").code == 0
    added = farebox("site", "add", "news.example", "--publisher", "Example News", "--origin", "http://127.0.0.1:9000")
    assert added.code == 0, added.err
    return farebox


@pytest.fixture
def shop(news: Farebox) -> Farebox:
    """The same, with the registered crawler ExampleBot, which has USD 10."""
    added = news("crawler", "add", "ExampleBot", "--agent", "https://bot.example", "--kind", "training")
    assert added.code == 0, added.err
    assert news("account", "credit", "ExampleBot", "USD 10", "--reference", "INV-1").code == 0
    return news
