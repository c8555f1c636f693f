"""Rules: what is live, the draft over it, what is doubtful, and the versions before.

Rules of this file
- Rules are written as in a rules file (docs/commands.md), in JSON: what ``farebox rules`` reads and writes goes in and
  out here too, and its mistakes are told by rule and key.
- A change says which edition it was made from (``If-Match``). When the rules have moved on since, nothing is saved, and
  the answer holds both: what was sent and what is there now.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from pydantic import Field

from edge.core.rule_fields import price_text, rule_fields
from edge.core.rule_file import InvalidRuleFile, parse_rules
from edge.core.rule_lint import finding_text, lint
from edge.core.rules import EVERYTHING_ELSE, Rule, RuleSet
from edge.store.rulesets import DraftMoved, Version, find_version, give_up_draft, history
from publisher_dashboard.api.operations import Answer, Call
from publisher_dashboard.api.problems import Code, Problem
from publisher_dashboard.api.values import Cursor, Done, Model, Nothing, time_of
from publisher_dashboard.changes import Change, compare
from publisher_dashboard.edition import Edition, edition_of, store_edition
from publisher_dashboard.forms import sentence
from publisher_dashboard.rendering import at

VERSIONS_SHOWN = 25


class Rules(Model):
    """Rules as in a rules file: ``rule`` in their order, and what happens to everything else."""

    rule: tuple[dict[str, Any], ...] = ()
    default: dict[str, Any]


class ChangeShown(Model):
    """What publishing the draft would do to one rule."""

    rule: str
    kind: str
    edits: tuple[str, ...]


class RulesShown(Model):
    """An edition. ``live_version`` is 0 before the first; ``revision`` is of the draft, null where there is none."""

    edition: str
    live_version: int
    revision: int | None
    edited_by: str | None
    edited_at: datetime | None
    rules: Rules
    changes: tuple[ChangeShown, ...]
    doubts: tuple[str, ...]


class VersionLine(Model):
    """One published version."""

    version: int
    note: str | None
    published_by: str
    published_at: datetime
    rules: int


class VersionList(Model):
    """Versions, the newest first."""

    data: tuple[VersionLine, ...]
    next: str | None


class VersionShown(Model):
    """One published version with its rules."""

    version: int
    note: str | None
    published_by: str
    published_at: datetime
    rules: Rules


class VersionQuestion(Model):
    """Where to go on."""

    after: Cursor | None = Field(None, pattern="^[0-9]{1,9}$")


def get_rules(call: Call, asked: Nothing) -> RulesShown:
    """The rules that are live."""
    edition = _edition(call)
    return _shown(call, Edition(edition.live, None))


def get_draft(call: Call, asked: Nothing) -> Answer:
    """The rules as they are being edited: the draft, or the live ones where there is none; the ETag is for If-Match."""
    return of_edition(call, _edition(call))


def put_draft(call: Call, asked: Nothing, body: Rules) -> Answer:
    """Save all rules as the draft, over the edition that was seen. Nothing is live until it is published."""
    seen, changed = call.seen, _read(call, body)
    return save_over(call, seen, changed, body)


def save_over(call: Call, seen: str, changed: RuleSet, sent: Model) -> Answer:
    """Save rules as the draft over the edition that was seen; ``sent`` is what a refusal gives back beside theirs."""
    edition = _edition(call)
    if seen != tag_of(edition):
        raise moved_on(call, sent)
    try:
        if changed != edition.rules:
            store_edition(call.desk.database, call.place.site_id, edition, changed, call.author, call.now_micros)
    except DraftMoved:
        raise moved_on(call, sent) from None
    return of_edition(call, _edition(call))


def delete_draft(call: Call, asked: Nothing) -> Done:
    """Forget the draft that was seen; what is live stays."""
    seen, edition = call.seen, _edition(call)
    if edition.draft is None:
        return Done(changed=False)
    if seen != tag_of(edition):
        raise moved_on(call)
    try:
        with call.desk.database.write() as connection:
            give_up_draft(connection, call.place.site_id, edition.draft.revision, call.author, call.now_micros)
    except DraftMoved:
        raise moved_on(call) from None
    return Done(changed=True)


def check_rules(call: Call, asked: Nothing, body: Rules) -> RulesShown:
    """Read rules and say what they would change and what is doubtful, without saving anything."""
    edition = _edition(call)
    changed = _read(call, body)
    return RulesShown(
        edition=tag_of(edition),
        live_version=edition.live_number,
        revision=None,
        edited_by=None,
        edited_at=None,
        rules=written(changed),
        changes=_changes(compare(edition.live_rules, changed)),
        doubts=_doubts(call, changed),
    )


def list_versions(call: Call, asked: VersionQuestion) -> VersionList:
    """Every version that was published, the newest first."""
    before = None if asked.after is None else int(asked.after)
    with call.desk.database.read() as connection:
        found = history(connection, call.place.site_id, before=before, limit=VERSIONS_SHOWN + 1)
    shown = found[:VERSIONS_SHOWN]
    return VersionList(
        data=tuple(
            VersionLine(
                version=one.version,
                note=one.note,
                published_by=one.published_by,
                published_at=at(one.published_at_micros),
                rules=len(one.rules.rules),
            )
            for one in shown
        ),
        next=str(shown[-1].version) if len(found) > VERSIONS_SHOWN else None,
    )


def get_version(call: Call, asked: Nothing) -> VersionShown:
    """One version with its rules."""
    number = call.number("version")
    with call.desk.database.read() as connection:
        found = find_version(connection, call.place.site_id, number)
    if found is None:
        raise Problem(Code.NOT_FOUND)
    return of_version(found)


def of_version(found: Version) -> VersionShown:
    """A version as the API writes it."""
    return VersionShown(
        version=found.version,
        note=found.note,
        published_by=found.published_by,
        published_at=at(found.published_at_micros),
        rules=written(found.rules),
    )


def of_edition(call: Call, edition: Edition) -> Answer:
    """An edition with its ETag."""
    return Answer(_shown(call, edition), headers={"etag": f'"{tag_of(edition)}"'})


def tag_of(edition: Edition) -> str:
    """What names an edition in ``ETag`` and ``If-Match``, which hold no spaces (RFC 9110 section 8.8.3)."""
    return edition.mark.replace(" ", "-")


def written(rules: RuleSet) -> Rules:
    """Rules as a file's keys and values."""
    default = rules.default
    last = {
        "name": None if default.name == EVERYTHING_ELSE else default.name,
        "action": default.action.value,
        "price": price_text(default.price),
    }
    return Rules(rule=tuple(_fields(rule) for rule in rules.rules), default=_kept(last))


def _edition(call: Call) -> Edition:
    return edition_of(call.desk.database, call.place.site_id)


def _read(call: Call, body: Rules) -> RuleSet:
    try:
        return parse_rules(orjson.dumps(body.model_dump()).decode(), "json", call.place.currency)
    except InvalidRuleFile as wrong:
        told = sentence(str(wrong))
        raise Problem(Code.INVALID, told, fields={"rule": told}) from None


def moved_on(call: Call, body: Model | None = None) -> Problem:
    """Somebody was faster: what was sent, beside what is there now."""
    now = _edition(call)
    more = {"current": _shown(call, now).model_dump(mode="json")}
    if body is not None:
        more["yours"] = body.model_dump(mode="json")
    return Problem(Code.MOVED_ON, headers={"etag": f'"{tag_of(now)}"'}, more=more)


def _shown(call: Call, edition: Edition) -> RulesShown:
    draft = edition.draft
    return RulesShown(
        edition=tag_of(edition),
        live_version=edition.live_number,
        revision=draft.revision if draft else None,
        edited_by=draft.edited_by if draft else None,
        edited_at=time_of(draft.edited_at_micros) if draft else None,
        rules=written(edition.rules),
        changes=_changes(edition.changes),
        doubts=_doubts(call, edition.rules),
    )


def _doubts(call: Call, rules: RuleSet) -> tuple[str, ...]:
    cased = call.place.case_sensitive_paths
    return tuple(finding_text(one, rules) for one in lint(rules, case_sensitive=cased))


def _changes(changes: tuple[Change, ...]) -> tuple[ChangeShown, ...]:
    return tuple(
        ChangeShown(rule=one.rule.name, kind=one.kind.value, edits=tuple(edit.label for edit in one.edits))
        for one in changes
    )


def _fields(rule: Rule) -> dict[str, Any]:
    found = _kept(rule_fields(rule))
    if isinstance(who := found.get("who"), dict):
        found["who"] = _kept(who)
    return found


def _kept(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
