"""The draft against what is live, change by change; publish it or let it go."""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import Response

from edge.core.rule_shadow import shadowed
from edge.store.problems import InvalidValue
from edge.store.rulesets import DraftMoved, VersionMoved, give_up_draft, publish_draft
from publisher_dashboard.edition import EDITION_FIELD, Wanted, conflict, look
from publisher_dashboard.forms import sentence
from publisher_dashboard.rendering import plural
from publisher_dashboard.visit import Visit


def show(visit: Visit) -> Response:
    """What publishing would change."""
    return _page(visit, visit.query("note"), {})


def publish(visit: Visit) -> Response:
    """Make the draft that was reviewed live, with its note."""
    edition, note = look(visit), visit.form.get("note", "")
    wanted = Wanted("publish the draft", repeatable=False, note=note)
    if edition.draft is None or not _is_what_was_seen(visit, edition.mark, edition.live_number):
        return conflict(visit, edition, wanted)
    try:
        with visit.desk.database.write() as connection:
            publish_draft(
                connection,
                visit.place.site_id,
                edition.draft.revision,
                edition.live_number,
                note,
                visit.person.email,
                visit.now_micros,
            )
    except InvalidValue as wrong:
        return _page(visit, note, {"note": sentence(str(wrong))})
    except (DraftMoved, VersionMoved):
        return conflict(visit, look(visit), wanted)
    return visit.go(visit.site_path("rules"), "published")


def ask_discard(visit: Visit) -> Response:
    """Ask once more before the whole draft goes."""
    edition = look(visit)
    if edition.draft is None:
        question, meaning, sure = "There is no draft", "What is live is all there is.", None
    else:
        number = plural(len(edition.changes), "change")
        question, sure = "Discard the draft?", f"Discard {number}"
        meaning = f"Its {number} cannot be brought back, whoever made them. What is live stays as it is."
    return visit.render("confirm.html", question=question, meaning=meaning, sure=sure, rule=None, edition=edition)


def discard(visit: Visit) -> Response:
    """Forget the draft that was seen."""
    edition = look(visit)
    if edition.draft is None or visit.form.get(EDITION_FIELD) != edition.mark:
        return conflict(visit, edition, Wanted("discard the draft", repeatable=False))
    try:
        with visit.desk.database.write() as connection:
            give_up_draft(connection, visit.place.site_id, edition.draft.revision, visit.person.email, visit.now_micros)
    except DraftMoved:
        return conflict(visit, look(visit), Wanted("discard the draft", repeatable=False))
    return visit.go(visit.site_path("rules"), "discarded")


def _is_what_was_seen(visit: Visit, mark: str, live_number: int) -> bool:
    """The review was of this draft against this live version; a change of either is a reason to look again."""
    return visit.form.get(EDITION_FIELD) == mark and visit.form.get("live") == str(live_number)


def _page(visit: Visit, note: str, errors: dict[str, str]) -> Response:
    edition, cased = look(visit), visit.place.case_sensitive_paths
    names = [rule.name for rule in edition.rules.rules]
    hidden = {names[one.position]: names[one.by_position] for one in shadowed(edition.rules, case_sensitive=cased)}
    status = HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK
    return visit.render(
        "review.html",
        status,
        edition=edition,
        changes=edition.changes,
        hidden=hidden,
        form={"note": note},
        errors=errors,
        moved_on=edition.draft is not None and edition.draft.base_version != edition.live_number,
    )
