"""Every published version: who, when, why, what it changed, and the way back to it."""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import Response

from edge.store.connection import Connection
from edge.store.problems import InvalidValue, UnknownName
from edge.store.rulesets import Version, VersionMoved, find_version, history
from edge.store.rulesets import roll_back as publish_again
from publisher_dashboard.auth import NOT_HERE, Turned
from publisher_dashboard.changes import NOTHING_PUBLISHED, compare
from publisher_dashboard.edition import Wanted, conflict, look
from publisher_dashboard.forms import sentence
from publisher_dashboard.views.history import EARNED_SHOWN, earned_while_live
from publisher_dashboard.visit import Visit

PAGE_LENGTH = 25
_VERSIONS_MAX = 2**31 - 1


def show(visit: Visit) -> Response:
    """The versions, the newest first."""
    before = visit.query("before")
    below = int(before) if before.isascii() and before.isdigit() and len(before) < 10 else None
    with visit.desk.database.read() as connection:
        versions = history(connection, visit.place.site_id, before=below, limit=PAGE_LENGTH + 1)
        earned = _earned(visit, connection, versions[:EARNED_SHOWN])
    # One more than is shown: it tells whether there is a next page, and what the last one shown changed.
    shown = versions[:PAGE_LENGTH]
    older = [*(one.rules for one in versions[1:]), NOTHING_PUBLISHED]
    counts = {one.version: len(compare(rules, one.rules)) for one, rules in zip(shown, older, strict=False)}
    return visit.render(
        "history.html",
        edition=look(visit),
        versions=shown,
        counts=counts,
        earned=earned,
        next_before=shown[-1].version if len(versions) > PAGE_LENGTH else None,
        is_first_page=below is None,
    )


def show_one(visit: Visit) -> Response:
    """One version: its rules, and what it changed against the one before."""
    number = int(visit.request.path_params["version"])
    with visit.desk.database.read() as connection:
        found = find_version(connection, visit.place.site_id, number) if number <= _VERSIONS_MAX else None
        before = find_version(connection, visit.place.site_id, number - 1) if found else None
        earned = _earned(visit, connection, [found] if found else [])
    if found is None:
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE)
    changes = compare(before.rules if before else NOTHING_PUBLISHED, found.rules)
    return visit.render(
        "version.html", edition=look(visit), version=found, changes=changes, earned=earned[found.version]
    )


def _earned(visit: Visit, connection: Connection, versions: list[Version]) -> dict[int, int]:
    place = visit.place
    return earned_while_live(connection, place.site_id, place.currency, versions, visit.now_micros)


def roll_back(visit: Visit) -> Response:
    """Publish an old version's rules again, as a new version."""
    edition, wanted = look(visit), visit.form.get("version", "")
    if not (wanted.isascii() and wanted.isdigit() and len(wanted) < 10):
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE)
    phrase = Wanted(f"roll back to version {wanted}", repeatable=False, of_versions=True)
    if visit.form.get("live") != str(edition.live_number):
        return conflict(visit, edition, phrase)
    try:
        with visit.desk.database.write() as connection:
            publish_again(
                connection,
                visit.place.site_id,
                int(wanted),
                edition.live_number,
                visit.form.get("note"),
                visit.person.email,
                visit.now_micros,
            )
    except VersionMoved:
        return conflict(visit, look(visit), phrase)
    except (UnknownName, InvalidValue) as wrong:
        raise Turned(HTTPStatus.NOT_FOUND, sentence(str(wrong))) from wrong
    return visit.go(visit.site_path("history"), "rolled-back")
