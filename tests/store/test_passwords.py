"""Passwords: what may be one, how it is kept, and how many are worked on at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Semaphore
from typing import Literal

import pytest
from argon2 import PasswordHasher

from edge.store.passwords import Busy, Passwords, password_fault

SENTENCE = "a sentence about harbours"


class SlowHasher(PasswordHasher):
    """Waits in the middle of a check until it is told to go on."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.entered = Semaphore(0)
        self.go_on = Event()

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        self.entered.release()
        assert self.go_on.wait(120)
        return super().verify(hash, password)


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    yield made
    made.close()


def test_a_password_verifies_and_another_does_not(passwords: Passwords) -> None:
    stored = passwords.hash(SENTENCE)
    assert stored.startswith("$argon2id$")
    assert SENTENCE not in stored
    assert passwords.verify(stored, SENTENCE)
    assert not passwords.verify(stored, SENTENCE + " ")
    assert not passwords.verify(None, "nobody has this password"), "an unknown person has no password"
    assert not passwords.verify("not a hash", SENTENCE)


def test_two_hashes_of_one_password_differ(passwords: Passwords) -> None:
    assert passwords.hash(SENTENCE) != passwords.hash(SENTENCE)


def test_letters_verify_however_a_keyboard_composes_them(passwords: Passwords) -> None:
    assert passwords.verify(passwords.hash("ein schöner langer Satz"), "ein scho\u0308ner langer Satz")


def test_a_hash_of_lesser_parameters_is_outdated(passwords: Passwords) -> None:
    stronger = Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    assert stronger.is_outdated(passwords.hash(SENTENCE))
    assert not passwords.is_outdated(passwords.hash(SENTENCE))
    stronger.close()


def test_the_default_costs_what_owasp_asks_for() -> None:
    made = Passwords()
    assert "$m=19456,t=2,p=1$" in made.hash(SENTENCE)
    made.close()


def test_more_than_fit_are_sent_away_and_places_are_given_back() -> None:
    hasher = SlowHasher()
    made = Passwords(hasher, at_once=2, waiting=0)
    stored = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(SENTENCE)
    with ThreadPoolExecutor(2) as threads:
        under_way = [threads.submit(made.verify, stored, SENTENCE) for _ in range(2)]
        for _ in under_way:
            assert hasher.entered.acquire(timeout=120)
        with pytest.raises(Busy):
            made.verify(stored, SENTENCE)
        hasher.go_on.set()
        assert all(one.result(60) for one in under_way)
    assert made.verify(stored, SENTENCE)
    made.close()


@pytest.mark.parametrize(
    ("password", "email", "word"),
    [
        ("short sentence", "", "15"),
        ("x" * 129, "", "128"),
        ("aaaaaaaaaaaaaaaaaaaa", "", "first"),
        ("Correct Horse Battery Staple", "", "first"),
        ("me@news.example is my password", "Me@News.example", "email"),
    ],
)
def test_a_password_that_cannot_be_used_is_told_why(password: str, email: str, word: str) -> None:
    fault = password_fault(password, email)
    assert fault is not None
    assert word in fault


@pytest.mark.parametrize(
    "password", [SENTENCE, "pässwörter dürfen das", "x7" * 4 + "abcdefg " * 4, "密码可以是一个句子而且不需要规则就可以"]
)
def test_any_sentence_of_fifteen_characters_will_do(password: str) -> None:
    assert password_fault(password, "owner@news.example") is None
