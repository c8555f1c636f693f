"""The human words of refusals in the languages that crawler teams read; codes never change with the language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

import orjson

from edge.core.refusals import REFUSALS, RefusalCode


@dataclass(frozen=True, slots=True)
class RefusalTexts:
    """Titles and advice by language and code; English comes from ``REFUSALS``, the others from shipped data."""

    translations: Mapping[str, Mapping[str, tuple[str, str]]]
    notices: Mapping[str, str]
    ways: Mapping[str, tuple[str, str]]

    @classmethod
    def load(cls) -> RefusalTexts:
        """Read the texts shipped with the package; raises ``ValueError`` when a language lacks a code."""
        document = orjson.loads((files("edge.core") / "data" / "refusal_texts.json").read_bytes())
        translations = {
            language: {code: (text["title"], text["detail"]) for code, text in entry["codes"].items()}
            for language, entry in document.items()
        }
        for language, texts in translations.items():
            missing = {code.value for code in RefusalCode} - set(texts) if language != "en" else set()
            if missing:
                raise ValueError(f"refusal_texts.json: {language} lacks {', '.join(sorted(missing))}")
        return cls(
            translations,
            {language: entry["person"] for language, entry in document.items()},
            {language: (entry["help"], entry["prices"]) for language, entry in document.items()},
        )

    @property
    def languages(self) -> frozenset[str]:
        """The languages there are, as lower-case primary subtags."""
        return frozenset(self.translations)

    def of(self, code: RefusalCode, language: str) -> tuple[str, str]:
        """Title and advice of one code, in English where the language is not there."""
        known = self.translations.get(language, {}).get(code.value)
        return known or (REFUSALS[code].title, REFUSALS[code].detail)

    def person(self, language: str) -> str:
        """The sentence for a person who got a refusal by mistake."""
        return self.notices.get(language) or self.notices["en"]

    def ways_on(self, language: str) -> tuple[str, str]:
        """What the links to the page of help and to the page of prices are called."""
        return self.ways.get(language) or self.ways["en"]
