"""The rules as a person sees them now, draft over live, and the one way in which a page changes them.

Rules of this file
- A form says which edition it was made from. When the rules have moved on since, nothing is saved: a 409 page shows
  what was wanted beside what is there now, and both ways on.
- The store decides once more, by a conditional statement, so that two forms at the same instant cannot both win.
- A draft that says the same as the live version is no draft: it goes away by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from starlette.responses import Response

from edge.core.rules import Rule, RuleSet
from edge.store.database import Database
from edge.store.rulesets import Draft, DraftMoved, Version, discard_draft, find_draft, live_version, save_draft
from publisher_dashboard.auth import TOKEN_FIELD, Turned
from publisher_dashboard.changes import NOTHING_PUBLISHED, Change, compare
from publisher_dashboard.rule_list import NoSuchRule
from publisher_dashboard.visit import Visit

EDITION_FIELD = "edition"


@dataclass(frozen=True, slots=True)
class Edition:
    """A site's rules at one moment: the live version and the draft over it, either of which may be missing."""

    live: Version | None
    draft: Draft | None

    @property
    def live_rules(self) -> RuleSet:
        """What the edge goes by."""
        return self.live.rules if self.live else NOTHING_PUBLISHED

    @property
    def rules(self) -> RuleSet:
        """What is being edited."""
        return self.draft.rules if self.draft else self.live_rules

    @property
    def live_number(self) -> int:
        """The live version's number, 0 before the first."""
        return self.live.version if self.live else 0

    @property
    def mark(self) -> str:
        """Names this edition in forms."""
        return f"draft {self.draft.revision}" if self.draft else f"version {self.live_number}"

    @property
    def changes(self) -> tuple[Change, ...]:
        """What publishing the draft would change."""
        return compare(self.live_rules, self.draft.rules) if self.draft else ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a form asked for, for the page that has to say it was not done: a phrase, and the rule if it was one.

    ``about`` is the name of the rule it was about. ``repeatable`` is False where one has to look again first.
    ``note`` is what was written for a version, ``of_versions`` says that it was about versions, not about the draft.
    """

    phrase: str
    about: str | None = None
    rule: Rule | None = None
    repeatable: bool = True
    note: str = ""
    of_versions: bool = False


def look(visit: Visit) -> Edition:
    """The edition of this visit's site now."""
    return edition_of(visit.desk.database, visit.place.site_id)


def edition_of(database: Database, site_id: int) -> Edition:
    """The edition of a site now."""
    with database.read() as connection:
        return Edition(live_version(connection, site_id), find_draft(connection, site_id))


def save(
    visit: Visit, change: Callable[[RuleSet], RuleSet], wanted: Wanted, said: str, back: str | None = None
) -> Response:
    """Apply a change to the draft of this visit's site and go back to the list; or say that others were faster.

    ``back`` is another page of ours to go to. What else ``change`` raises is the caller's.
    """
    edition = look(visit)
    if visit.form.get(EDITION_FIELD) != edition.mark:
        return conflict(visit, edition, wanted)
    try:
        changed = change(edition.rules)
    except NoSuchRule as gone:
        raise Turned(HTTPStatus.NOT_FOUND, str(gone)) from gone
    back = back or visit.site_path("rules")
    if changed == edition.rules:
        return visit.go(back, "same")
    try:
        store_edition(visit.desk.database, visit.place.site_id, edition, changed, visit.person.email, visit.now_micros)
    except DraftMoved:
        return conflict(visit, look(visit), wanted)
    return visit.go(back, said)


def store_edition(
    database: Database, site_id: int, edition: Edition, changed: RuleSet, author: str, now_micros: int
) -> None:
    """Save rules over the edition that was seen; those that are live leave no draft. Raises ``DraftMoved``."""
    seen = edition.draft.revision if edition.draft else None
    with database.write() as connection:
        if seen is not None and changed == edition.live_rules:
            discard_draft(connection, site_id, seen)
        else:
            save_draft(connection, site_id, changed, seen, author, now_micros)


def conflict(visit: Visit, edition: Edition, wanted: Wanted) -> Response:
    """The 409 page: mine, theirs, and a form that does mine again on top of theirs."""
    theirs = next((rule for rule in edition.rules if wanted.about and _same(rule, wanted.about)), None)
    kept = [
        (name, value)
        for name, values in visit.lists.items()
        if name not in (TOKEN_FIELD, EDITION_FIELD)
        for value in values
    ]
    return visit.render(
        "conflict.html",
        HTTPStatus.CONFLICT,
        edition=edition,
        wanted=wanted,
        theirs=theirs,
        kept=kept,
        again=visit.request.url.path,
    )


def _same(rule: Rule, name: str) -> bool:
    return rule.name.casefold() == name.casefold()
