"""Content of a site as a tree, one level at a time; level, days and order stand in the address."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlencode

from starlette.responses import Response

from edge.core.site_tree import is_part
from edge.store.earnings import DAY_MICROS, Period
from publisher_dashboard.auth import Turned
from publisher_dashboard.views.content import SHOWN_MAX, list_content
from publisher_dashboard.visit import Visit

DAYS = ("1", "7", "30", "90")
SORTS = {"requests": "Requests", "earned": "Earned", "paid": "Paid", "asked": "Asked to pay", "name": "Name"}


def show(visit: Visit) -> Response:
    """One level: its parts and pages with what each was asked for, sold and earned."""
    under = visit.query("under") or "/"
    if not is_part(under):
        raise Turned(HTTPStatus.NOT_FOUND, "There is no such part of the site.")
    days = visit.query("days") if visit.query("days") in DAYS else "30"
    sort = visit.query("sort") if visit.query("sort") in SORTS else "requests"
    end = visit.now_micros - visit.now_micros % DAY_MICROS + DAY_MICROS
    period = Period(end - int(days) * DAY_MICROS, end)
    with visit.desk.database.read() as connection:
        tree = list_content(connection, visit.place, under, period, sort)
    kept = {"days": days, "sort": sort}
    return visit.render(
        "content.html",
        tree=tree,
        under=under,
        trail=[(name, _query(part, kept)) for name, part in _trail(under)],
        queries={line.step: _query(under + line.step, kept) for line in tree.lines if line.is_part},
        drillable=[line.step for line in tree.lines if line.is_part and is_part(under + line.step)],
        form={"under": under, "days": days, "sort": sort},
        day_options=[(one, "today" if one == "1" else f"{one} days") for one in DAYS],
        sort_options=list(SORTS.items()),
        shown_max=SHOWN_MAX,
    )


def _trail(under: str) -> list[tuple[str, str]]:
    """The parts above this one and itself, from the top, each with its path."""
    trail = [("/", "/")]
    for segment in under.strip("/").split("/"):
        if segment:
            trail.append((f"{segment}/", f"{trail[-1][1]}{segment}/"))
    return trail


def _query(under: str, kept: dict[str, str]) -> str:
    return urlencode({"under": under, **kept})
