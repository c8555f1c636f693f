"""What may be done with pages, in two vocabularies: Content Signals and AIPREF (``Content-Usage``).

Neither can say "for a price". Rules of this file: only what is free is said to be allowed; what is sold is
reserved, and the licence says what it costs, because a contract overrides a preference and a "yes" would give the
right away (docs/decisions/0053). What differs from page to page is said for each pattern, or not at all.

Sources: contentsignals.org (robots.txt group lines); draft-ietf-aipref-attach and -vocab (a dictionary of RFC 9651 with
tokens y and n).
"""

from __future__ import annotations

from collections.abc import Sequence

from edge.core.rules import Action
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


def _is_free(uses: Uses, use: Use) -> bool:
    return uses[_USES.index(use)].action is Action.ALLOW
