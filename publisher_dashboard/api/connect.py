"""How visitors come to the edge: what a front needs, whether anything has come, and what is wrong if not."""

from __future__ import annotations

from datetime import date, datetime

from publisher_dashboard.api.operations import Call
from publisher_dashboard.api.problems import Code, Problem
from publisher_dashboard.api.values import Model, Nothing, time_of
from publisher_dashboard.rendering import at
from publisher_dashboard.views.connect import check_site, connect_state, fronts_of


class FrontFile(Model):
    """What to write, and where."""

    where: str
    text: str


class FrontShown(Model):
    """One way to put the edge before a site."""

    front: str
    title: str
    meaning: str
    files: tuple[FrontFile, ...]


class ConnectShown(Model):
    """Whether a request has ever come (``connected``), when, and what looks wrong."""

    connected: bool
    first_day: date | None
    last_request: datetime | None
    requests_last_hour: int
    hints: tuple[str, ...]
    fronts: tuple[FrontShown, ...]


class Checked(Model):
    """What came of one question."""

    good: bool
    words: str


class CheckList(Model):
    """What was asked now, in its order."""

    data: tuple[Checked, ...]


def get_connect(call: Call, asked: Nothing) -> ConnectShown:
    """What came to a site, what looks wrong, and what to write into each front."""
    with call.desk.database.read() as connection:
        state = connect_state(connection, call.place.site_id, call.place.host, call.now_micros)
    came = state.arrivals
    return ConnectShown(
        connected=state.is_connected,
        first_day=None if came.first_day_micros is None else at(came.first_day_micros).date(),
        last_request=time_of(came.last_minute_micros),
        requests_last_hour=came.requests_lately,
        hints=state.hints,
        fronts=tuple(
            FrontShown(
                front=one.word,
                title=one.title,
                meaning=one.meaning,
                files=tuple(FrontFile(where=where, text=text) for where, text in one.files),
            )
            for one in fronts_of(call.place, call.desk.edge_bind)
        ),
    )


def check_connection(call: Call, asked: Nothing) -> CheckList:
    """Ask DNS, the server behind the site and its public name, now."""
    checks = call.desk.checks
    if checks is None:
        raise Problem(Code.NOT_POSSIBLE, "This dashboard was started without a way to ask.")
    found = check_site(checks, call.place.host, call.place.origin)
    return CheckList(data=tuple(Checked(good=one.good, words=one.words) for one in found))
