"""What may be done with pages, in three vocabularies: Content Signals, AIPREF (``Content-Usage``), TDMRep.

None of them can say "for a price". Rules of this file: only what is free is said to be allowed; what is sold is
reserved, and the licence says what it costs, because a contract overrides a preference and a "yes" would give the
right away (docs/decisions/0053). What differs from page to page is said for each pattern, or not at all.

Sources: contentsignals.org (robots.txt group lines); draft-ietf-aipref-attach and -vocab (a dictionary of RFC 9651 with
tokens y and n); TDM Reservation Protocol, W3C Community Group Final Report of 10 May 2024, section "tdmrep.json".
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from edge.core.rules import Action
from edge.core.signals.published import PRICES_PAGE
from edge.core.signals.scopes import Projection, Scope, Use, Uses

_USES = tuple(Use)
_PREFERENCE_NAMES = ((Use.SEARCH, "search"), (Use.AI_TRAIN, "train-ai"))


def content_signals(scopes: Sequence[Scope[Uses]]) -> str | None:
    """The value of ``Content-Signal``: the uses that have one answer on the whole site; None when there is none."""
    said = []
    for use in _USES:
        answers = {_is_free(scope.says, use) for scope in scopes}
        if len(answers) == 1:
            said.append(f"{use.value}={'yes' if answers.pop() else 'no'}")
    return ", ".join(said) or None


def content_usage(uses: Uses) -> str:
    """The value of ``Content-Usage`` where these terms hold."""
    return ", ".join(f"{name}={'y' if _is_free(uses, use) else 'n'}" for use, name in _PREFERENCE_NAMES)


def usage_everywhere(scopes: Sequence[Scope[Uses]]) -> str | None:
    """The value of the ``Content-Usage`` header field that is true of every page; None when there is none."""
    said = []
    for use, name in _PREFERENCE_NAMES:
        answers = {_is_free(scope.says, use) for scope in scopes}
        if len(answers) == 1:
            said.append(f"{name}={'y' if answers.pop() else 'n'}")
    return ", ".join(said) or None


def usage_by_pattern(projection: Projection) -> tuple[Scope[str], ...]:
    """What ``Content-Usage`` says of each pattern, where it says something new."""
    return projection.over(content_usage)


def tdmrep_document(base: str, projection: Projection) -> str:
    """``/.well-known/tdmrep.json``: what is not free for training is reserved. The longest location comes first."""
    reserved = projection.over(lambda uses: not _is_free(uses, Use.AI_TRAIN))
    rows = []
    for scope in sorted(reserved, key=lambda one: -len(one.pattern)):
        row: dict[str, object] = {"location": _location(scope.pattern), "tdm-reservation": int(scope.says)}
        if scope.says:
            row["tdm-policy"] = base + PRICES_PAGE
        rows.append(row)
    return json.dumps(rows, indent=2) + "\n"


def _location(pattern: str) -> str:
    """A location has to match the whole path: what is the beginning of one ends in a star."""
    return pattern if pattern.endswith("$") else pattern + "*"


def _is_free(uses: Uses, use: Use) -> bool:
    return uses[_USES.index(use)].action is Action.ALLOW
