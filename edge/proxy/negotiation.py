"""Which form of an answer a client would rather have: problem JSON for machines, HTML for people, or a line of text."""

from __future__ import annotations

from enum import Enum

REMEMBERED_MAX = 1024


class BodyForm(Enum):
    """The three forms of a refusal; the value is the content type."""

    PROBLEM = "application/problem+json"
    HTML = "text/html; charset=utf-8"
    TEXT = "text/plain; charset=utf-8"


_FORMS = {
    "application/problem+json": BodyForm.PROBLEM,
    "application/json": BodyForm.PROBLEM,
    "application/*": BodyForm.PROBLEM,
    "text/html": BodyForm.HTML,
    "application/xhtml+xml": BodyForm.HTML,
    "text/plain": BodyForm.TEXT,
    "text/*": BodyForm.HTML,
}


def preferred_form(accept: str | None) -> BodyForm:
    """The form that an ``Accept`` field prefers (RFC 9110 section 12.5.1); problem JSON when it does not say.

    A more specific range does not outrank a better quality here: three forms do not need that fineness.
    """
    best, best_quality = BodyForm.PROBLEM, 0.0
    for part in (accept or "").split(","):
        media_range, _, parameters = part.partition(";")
        form = _FORMS.get(media_range.strip().lower())
        quality = _quality(parameters)
        if form is not None and quality > best_quality:
            best, best_quality = form, quality
    return best


def preferred_language(accept_language: str | None, available: frozenset[str]) -> str:
    """The best language of ``available`` for an ``Accept-Language`` field (RFC 9110 section 12.5.4); else ``en``."""
    best, best_quality = "en", 0.0
    for part in (accept_language or "").split(","):
        language_range, _, parameters = part.partition(";")
        language = language_range.strip().lower().partition("-")[0]
        quality = _quality(parameters)
        if language in available and quality > best_quality:
            best, best_quality = language, quality
    return best


def _quality(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


class Negotiator:
    """``preferred_form`` and ``preferred_language``, remembered: clients send the same few fields all day."""

    def __init__(self, languages: frozenset[str]) -> None:
        self._languages = languages
        self._known: dict[tuple[str | None, str | None], tuple[BodyForm, str]] = {}

    def choose(self, accept: str | None, accept_language: str | None) -> tuple[BodyForm, str]:
        """The form and the language for these two fields."""
        key = (accept, accept_language)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= REMEMBERED_MAX:
                self._known.clear()  # strangers choose these strings, so the memory must have an end
            known = preferred_form(accept), preferred_language(accept_language, self._languages)
            self._known[key] = known
        return known
