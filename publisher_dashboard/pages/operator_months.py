"""The operator's months: what each came to, its close from the page, its check, and every file of it."""

from __future__ import annotations

from starlette.responses import Response

from edge.core.closing import digest_text
from edge.core.month import Month
from edge.core.report import is_draft
from edge.store.books_tasks import BooksTask, find_task
from edge.store.closed_months import find_closed
from edge.store.month_close import MonthNotClosable, check_closable
from edge.store.month_reading import WHOLE
from edge.store.month_totals import first_entry_at
from publisher_dashboard.acts import Act, Question, ask_sure, is_sure
from publisher_dashboard.books_work import Work, close_name, start_close, start_verify, verify_name
from publisher_dashboard.rendering import month_name
from publisher_dashboard.statement_pages import month_lines, month_of, send_file, send_folder, show_statement
from publisher_dashboard.visit import Visit

LIST = "/operator/months"
FILES = (
    ("pdf", "PDF"), ("xlsx", "Excel"), ("csv", "CSV"), ("charges", "Charges CSV"), ("summary", "Summary CSV"),
    ("jsonl", "JSON Lines"),
    ("parquet", "Parquet"), ("focus", "FOCUS"), ("beancount", "Beancount"), ("zip", "All, with manifest"),
)  # fmt: skip


def show(visit: Visit) -> Response:
    """Every month since the first entry, the newest first, with the one to close next."""
    with visit.desk.database.read() as connection:
        lines = month_lines(connection, WHOLE, first_entry_at(connection, WHOLE), visit.now_micros)
        tasks = {one.month.label: find_task(connection, close_name(one.month)) for one in lines}
    open_ones = [one for one in lines if not one.closed and not one.draft]
    return visit.render(
        "operator_months.html",
        months=lines,
        running={label for label, task in tasks.items() if task and task.is_running(visit.now_micros)},
        due=open_ones[-1] if open_ones else None,
        waiting=len(open_ones),
    )


def show_one(visit: Visit) -> Response:
    """One month: its state, what closing it would do or did, and the operator's statement."""
    month = month_of(visit)
    with visit.desk.database.read() as connection:
        closed = find_closed(connection, month)
        close, check = find_task(connection, close_name(month)), find_task(connection, verify_name(month))
        hindrance = None if closed or is_draft(month, visit.now_micros) else _hindrance(visit, month)
    return show_statement(
        visit,
        WHOLE,
        "operator_month.html",
        month=month,
        files=FILES,
        close=_shown(close, visit, hide_done=True),
        check=_shown(check, visit),
        hindrance=hindrance,
        can_close=visit.desk.books is not None,
        manifest_digest=digest_text(closed.manifest) if closed else None,
    )


def download(visit: Visit) -> Response:
    """The operator's statement in one format."""
    name = str(visit.request.path_params["name"])
    return send_folder(visit, WHOLE) if name == "zip" else send_file(visit, WHOLE, name)


def close(visit: Visit) -> Response:
    """Ask, then begin to close; the page of the month shows how far it is."""
    month = month_of(visit)
    here = f"{LIST}/{month.label}"
    if visit.desk.books is None or is_draft(month, visit.now_micros) or _hindrance(visit, month) is not None:
        return visit.go(here)
    if not is_sure(visit):
        return ask_sure(visit, _act(month), _question(month))
    started = start_close(_work(visit), month, visit.desk.later)
    return visit.go(here, "closing" if started else "closing-already")


def verify(visit: Visit) -> Response:
    """Begin to hold a closed month against its entries."""
    month = month_of(visit)
    with visit.desk.database.read() as connection:
        closed = find_closed(connection, month)
    if closed is not None and visit.desk.books is not None:
        start_verify(_work(visit), month, visit.desk.later)
    return visit.go(f"{LIST}/{month.label}#check-title")


def _work(visit: Visit) -> Work:
    desk = visit.desk
    assert desk.books is not None, "the caller has looked"
    return Work(desk.database, desk.books, desk.operator_party, visit.person.email, desk.clock)


def _shown(task: BooksTask | None, visit: Visit, *, hide_done: bool = False) -> BooksTask | None:
    """A task to be told of; one that died without a word counts as failed."""
    if task is None or (hide_done and task.state == "done"):
        return None
    return task


def _hindrance(visit: Visit, month: Month) -> str | None:
    """Why the month cannot be closed now, in a sentence; None when it can."""
    with visit.desk.database.read() as connection:
        if find_closed(connection, month) is not None:
            return f"{month.label} is closed"
        try:
            check_closable(connection, month, visit.now_micros)
        except MonthNotClosable as why:
            return str(why)
    return None


def _act(month: Month) -> Act:
    return Act("Close the month", "", f"Close {month.label} for ever", f"{LIST}/{month.label}", month_name(month))


def _question(month: Month) -> Question:
    return Question(
        f"Close {month_name(month)} for ever?",
        "The whole of the books is read first; nothing is closed unless it verifies. A closed month never changes "
        "again: what is corrected later stands in the next month's statement.",
        (
            ("First", "the books are verified, against every signed checkpoint"),
            ("Then", "nothing more is recorded into the month, and your share is taken of each publisher"),
            ("At last", "every reader's statement is kept and signed, and webhooks tell of it"),
        ),
    )
