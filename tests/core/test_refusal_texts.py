"""The translations of refusals: complete, and technical where the English is technical."""

from __future__ import annotations

import re
import unicodedata

import pytest

from edge.core.refusal_texts import RefusalTexts
from edge.core.refusals import REFUSALS, RefusalCode

LANGUAGES = frozenset({"en", "de", "fr", "es", "ja", "zh"})
TRANSLATIONS = sorted(LANGUAGES - {"en"})
TEXTS = RefusalTexts.load()

# What a crawler's author has to type, or may look up, reads the same in every language.
TECHNICAL = re.compile(
    r"crawler-[a-z-]+|accept-signature|@[a-z-]+|\b(?:GET|HEAD|Host|HTTP|Ed25519)\b|Web Bot Auth|RFC \d+|'USD 0\.01'"
    r"|\b\d+ KiB|\b\d+\b"
)


def test_the_languages_are_those_that_the_protocol_page_names() -> None:
    assert TEXTS.languages == LANGUAGES


@pytest.mark.parametrize("language", TRANSLATIONS)
@pytest.mark.parametrize("code", list(RefusalCode), ids=str)
def test_every_code_has_a_title_and_advice_of_its_own_in_every_language(code: RefusalCode, language: str) -> None:
    title, detail = TEXTS.of(code, language)
    assert title != REFUSALS[code].title, "left in English"
    assert detail != REFUSALS[code].detail, "left in English"
    for text in (title, detail):
        assert text == text.strip() != ""
        assert not any(unicodedata.category(character).startswith("C") for character in text)
    assert detail.endswith((".", "。")), "the advice is a sentence"
    assert not title.endswith((".", "。")), "the title is not"


@pytest.mark.parametrize("language", TRANSLATIONS)
@pytest.mark.parametrize("code", list(RefusalCode), ids=str)
def test_header_names_and_numbers_stay_as_they_are(code: RefusalCode, language: str) -> None:
    title, detail = TEXTS.of(code, language)
    english = REFUSALS[code]
    for translated, original in ((title, english.title), (detail, english.detail)):
        assert set(TECHNICAL.findall(translated)) == set(TECHNICAL.findall(original))


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_two_codes_never_share_a_title(language: str) -> None:
    titles = [TEXTS.of(code, language)[0] for code in RefusalCode]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_there_is_no_text_for_a_code_that_does_not_exist(language: str) -> None:
    assert set(TEXTS.translations[language]) == {code.value for code in RefusalCode}


def test_each_language_has_its_own_sentence_for_a_person() -> None:
    sentences = {TEXTS.person(language) for language in LANGUAGES}
    assert len(sentences) == len(LANGUAGES)
    assert all(sentences)


def test_each_language_has_its_own_words_for_the_ways_on() -> None:
    words = [word for language in LANGUAGES for word in TEXTS.ways_on(language)]
    assert len(set(words)) == len(words) == 2 * len(LANGUAGES)
    assert TEXTS.ways_on("xx") == TEXTS.ways_on("en")


@pytest.mark.parametrize("code", list(RefusalCode), ids=str)
def test_a_language_that_is_not_there_gets_english(code: RefusalCode) -> None:
    assert TEXTS.of(code, "xx") == (REFUSALS[code].title, REFUSALS[code].detail)
    assert TEXTS.person("xx") == TEXTS.person("en")


def test_english_comes_from_the_table_alone() -> None:
    assert not TEXTS.translations["en"], "a second copy of the English texts would drift from core.refusals"
