"""Which form and language of a refusal a client gets."""

from __future__ import annotations

import pytest

from edge.proxy.negotiation import REMEMBERED_MAX, BodyForm, Negotiator, preferred_form, preferred_language


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, BodyForm.PROBLEM),
        ("", BodyForm.PROBLEM),
        ("*/*", BodyForm.PROBLEM),
        ("application/json", BodyForm.PROBLEM),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", BodyForm.HTML),
        ("text/html;q=0.4, application/problem+json;q=0.5", BodyForm.PROBLEM),
        ("text/plain", BodyForm.TEXT),
        ("text/html;q=0, text/plain;q=0.1", BodyForm.TEXT),
        ("image/png", BodyForm.PROBLEM),
        ("text/html;q=banana", BodyForm.PROBLEM),
        ("TEXT/HTML ; Q=1", BodyForm.HTML),
    ],
)
def test_the_best_quality_wins_and_machines_get_problem_json(accept: str | None, form: BodyForm) -> None:
    assert preferred_form(accept) is form


@pytest.mark.parametrize(
    ("accept_language", "language"),
    [(None, "en"), ("de-AT, en;q=0.5", "de"), ("fr;q=0.2, ja;q=0.7", "ja"), ("xx", "en"), ("de;q=0, en", "en")],
)
def test_the_language_is_the_best_there_is(accept_language: str | None, language: str) -> None:
    assert preferred_language(accept_language, frozenset({"en", "de", "fr", "ja"})) == language


def test_what_strangers_send_is_remembered_within_bounds() -> None:
    negotiator = Negotiator(frozenset({"en"}))
    for number in range(3 * REMEMBERED_MAX):
        negotiator.choose(f"x/{number}", None)
    assert len(negotiator._known) <= REMEMBERED_MAX
