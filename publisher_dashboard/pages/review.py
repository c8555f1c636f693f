"""The draft against what is live: what it would have done, change by change; publish it, plan that, or let it go."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus

from starlette.responses import Response

from edge.core.rule_lint import undercut
from edge.core.rule_shadow import shadowed
from edge.store.crawlers import list_crawlers
from edge.store.planned import Plan, cancel_plan, find_plan, plan_publication
from edge.store.problems import InvalidValue
from edge.store.rulesets import DraftMoved, VersionMoved, give_up_draft, publish_draft
from publisher_dashboard.draft_backtest import backtest_draft
from publisher_dashboard.edition import EDITION_FIELD, Wanted, conflict, look
from publisher_dashboard.forms import sentence
from publisher_dashboard.rendering import plural
from publisher_dashboard.views.review import DAYS_USUAL, SPANS, view_of, worth_of
from publisher_dashboard.visit import Visit

ASK_AGAIN_SECONDS = 1


def show(visit: Visit) -> Response:
    """What publishing would change, and what it would have done."""
    return _page(visit, {"note": visit.query("note")}, {})


def publish(visit: Visit) -> Response:
    """Make the draft that was reviewed live with its note, now or at a time."""
    edition, note = look(visit), visit.form.get("note", "")
    is_planned = visit.form.get("when") == "later"
    wanted = Wanted("plan the publication" if is_planned else "publish the draft", repeatable=False, note=note)
    if edition.draft is None or not _is_what_was_seen(visit, edition.mark, edition.live_number):
        return conflict(visit, edition, wanted)
    try:
        if is_planned:
            return _plan(visit, edition.draft.revision, edition.live_number, note)
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
        return _page(visit, dict(visit.form), {wrong.field or "note": sentence(str(wrong))})
    except (DraftMoved, VersionMoved):
        return conflict(visit, look(visit), wanted)
    return visit.go(visit.site_path("rules"), "published")


def cancel(visit: Visit) -> Response:
    """Give a planned publication up; the draft stays."""
    with visit.desk.database.write() as connection:
        was_there = cancel_plan(connection, visit.place.site_id, visit.person.email, visit.now_micros)
    return visit.go(visit.site_path("review"), "plan-given-up" if was_there else "same")


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


def _plan(visit: Visit, revision: int, live_number: int, note: str) -> Response:
    plan = Plan(
        site_id=visit.place.site_id,
        revision=revision,
        seen_version=live_number,
        note=note,
        planned_by=visit.person.email,
        planned_at_micros=visit.now_micros,
        due_micros=_read_time(visit.form.get("at", "")),
    )
    with visit.desk.database.write() as connection:
        plan_publication(connection, plan)
    return visit.go(visit.site_path("rules"), "planned")


def _read_time(text: str) -> int:
    """Microseconds of a time of day in UTC as a browser's field writes it. Raises ``InvalidValue``."""
    try:
        time = datetime.fromisoformat(text.strip()).replace(tzinfo=UTC)
    except ValueError:
        raise InvalidValue("choose a day and a time, in UTC, such as 2026-12-01 06:00", "at") from None
    return int(time.timestamp()) * 1_000_000


def _is_what_was_seen(visit: Visit, mark: str, live_number: int) -> bool:
    """The review was of this draft against this live version; a change of either is a reason to look again."""
    return visit.form.get(EDITION_FIELD) == mark and visit.form.get("live") == str(live_number)


def _days(visit: Visit) -> int:
    asked = visit.query("days") or visit.form.get("days", "")
    return next((days for days in SPANS if str(days) == asked), DAYS_USUAL)


def _page(visit: Visit, form: dict[str, str], errors: dict[str, str]) -> Response:
    edition, cased, days = look(visit), visit.place.case_sensitive_paths, _days(visit)
    names = [rule.name for rule in edition.rules.rules]
    hidden = {names[one.position]: names[one.by_position] for one in shadowed(edition.rules, case_sensitive=cased)}
    pairs = undercut(edition.rules, case_sensitive=cased)
    cheaper = {names[one.position]: edition.rules.rules[one.by_position] for one in pairs}
    job = backtest_draft(visit.desk, visit.place, edition, days, visit.now_micros)
    with visit.desk.database.read() as connection:
        plan = find_plan(connection, visit.place.site_id)
        signing = frozenset(one.name for one in list_crawlers(connection))
    done = job.result if job is not None else None
    # A page that loads itself again must not hold a form that somebody types in: who does not wait gets one.
    waits = visit.query("wait") != "no" and not errors
    answer = visit.render(
        "review.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        edition=edition,
        changes=edition.changes,
        hidden=hidden,
        cheaper=cheaper,
        form={"note": "", "at": "", **form},
        errors=errors,
        moved_on=edition.draft is not None and edition.draft.base_version != edition.live_number,
        job=job,
        view=view_of(done, signing) if done is not None else None,
        worth=worth_of(edition.changes, done) if done is not None else {},
        days=days,
        spans=SPANS,
        plan=plan,
        waits=waits,
    )
    if job is not None and not job.is_done and waits:
        answer.headers["refresh"] = str(ASK_AGAIN_SECONDS)
    return answer
