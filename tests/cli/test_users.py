"""``farebox user`` and ``farebox keys``."""

from __future__ import annotations

import io
import stat
from pathlib import Path

import pytest

from edge.store.database import Database
from edge.store.passwords import Passwords
from edge.store.people import find_person, memberships
from tests.cli.conftest import Farebox

SENTENCE = "an old lighthouse with nine windows"


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(SENTENCE + "\n"))


def roles(workplace: Path, email: str, password: str) -> dict[str, str]:
    """What somebody may do, if the password is theirs."""
    database = Database.open(f"sqlite:///{workplace / 'farebox.db'}")
    passwords = Passwords()
    with database.read() as connection:
        person = find_person(connection, email)
        assert person is not None
        assert passwords.verify(person.password_hash, password)
        found = {one.publisher_name: one.role.value for one in memberships(connection, person.person_id)}
    passwords.close()
    database.close()
    return found


@pytest.mark.usefixtures("typed")
def test_a_user_signs_in_with_the_password_that_was_piped(news: Farebox, workplace: Path) -> None:
    added = news("user", "add", "Owner@News.example", "--publisher", "Example News", "--password-stdin")
    assert added.code == 0, added.err
    assert SENTENCE not in added.out
    assert roles(workplace, "owner@news.example", SENTENCE) == {"Example News": "owner"}


def test_without_a_password_one_is_made_up_and_shown_once(news: Farebox, workplace: Path) -> None:
    words = ("user", "add", "v@news.example", "--publisher", "Example News", "--role", "viewer", "--json")
    password = news(*words).json["password"]
    assert roles(workplace, "v@news.example", password) == {"Example News": "viewer"}
    changed = news("user", "passwd", "v@news.example", "--json").json["password"]
    assert changed != password
    assert roles(workplace, "v@news.example", changed) == {"Example News": "viewer"}


def test_a_role_is_replaced(news: Farebox, workplace: Path) -> None:
    password = news("user", "add", "e@news.example", "--publisher", "Example News", "--json").json["password"]
    last = news("user", "role", "e@news.example", "editor", "--publisher", "Example News")
    assert last.code == 1
    assert "the last owner" in last.err
    news("user", "add", "second@news.example", "--publisher", "Example News")
    assert news("user", "role", "e@news.example", "editor", "--publisher", "Example News").code == 0
    assert roles(workplace, "e@news.example", password) == {"Example News": "editor"}


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("add", "nobody", "--publisher", "Example News"), 1, "write it like editor@news.example"),
        (("add", "a@b.example", "--publisher", "Nobody"), 1, "farebox publisher add"),
        (("passwd", "a@b.example"), 1, "farebox user add"),
        (("role", "a@b.example", "editor", "--publisher", "Example News"), 1, "farebox user add"),
        (("role", "a@b.example", "king", "--publisher", "Example News"), 2, "viewer"),
    ],
)
def test_a_user_that_cannot_be_says_why(news: Farebox, words: tuple[str, ...], code: int, sentence: str) -> None:
    result = news("user", *words)
    assert (result.code, result.out) == (code, "")
    assert sentence in result.err


def test_a_weak_password_is_refused(news: Farebox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    result = news("user", "add", "a@b.example", "--publisher", "Example News", "--password-stdin")
    assert result.code == 2
    assert "at least 15 characters" in result.err


def test_a_second_user_of_one_address_is_refused(news: Farebox) -> None:
    words = ("user", "add", "a@b.example", "--publisher", "Example News")
    assert news(*words).code == 0
    again = news(*words)
    assert again.code == 1
    assert "a@b.example has an account already, and nothing was changed" in again.err
    assert 'farebox user role a@b.example owner --publisher "Example News"' in again.err


def test_keys_are_made_at_first_use_and_rotation_keeps_the_old(farebox_anywhere: Farebox, workplace: Path) -> None:
    (first,) = farebox_anywhere("keys", "show", "--json").json["keys"]
    assert stat.S_IMODE((workplace / "farebox-data" / "keys").stat().st_mode) == 0o700
    assert "restart the edge" in farebox_anywhere("keys", "rotate").out
    newest, old = farebox_anywhere("keys", "show", "--json").json["keys"]
    assert old["kid"] == first["kid"] != newest["kid"]
    assert "d" not in newest
    lines = farebox_anywhere("keys", "show").out.splitlines()
    assert [line.split()[1] for line in lines] == ["SIGNS", "yes", "no"]
