"""Where the page of a refusal leads a person."""

from __future__ import annotations

import pytest

from edge.core.refusal_texts import RefusalTexts
from edge.core.signals.published import HELP_PAGE, PRICES_PAGE
from edge.proxy.refusal_page import PageWords, refusal_page

TEXTS = RefusalTexts.load()
PROBLEM = {"title": "Payment required", "status": 402, "detail": "Pay.", "code": "payment_required"}


def page(language: str, **links: str) -> str:
    words = PageWords(language, TEXTS.person(language), *TEXTS.ways_on(language))
    return refusal_page(PROBLEM | ({"links": links} if links else {}), None, "tests", words, "node-1")


@pytest.mark.parametrize("language", sorted(TEXTS.languages))
def test_a_person_is_led_to_the_help_and_to_the_prices_in_their_language(language: str) -> None:
    body = page(language, guide=HELP_PAGE, prices=PRICES_PAGE, keys="/keys")
    for link, word in zip((HELP_PAGE, PRICES_PAGE), TEXTS.ways_on(language), strict=True):
        assert f'<a href="{link}">{word}</a>' in body
    assert body.count("<a ") == 2


def test_prices_that_are_not_published_are_not_linked() -> None:
    body = page("en", guide=HELP_PAGE)
    assert body.count("<a ") == 1
    assert HELP_PAGE in body


def test_the_page_of_no_site_leads_nowhere() -> None:
    assert "<a " not in page("en")
