"""How visitors come to the edge: what a front needs, whether anything has come, what is wrong if not."""

from __future__ import annotations

from starlette.responses import Response

from publisher_dashboard.site_checks import Answer
from publisher_dashboard.views.connect import check_site, connect_state, fronts_of
from publisher_dashboard.visit import Visit

ASK_AGAIN_SECONDS = 5


def show(visit: Visit) -> Response:
    """The fronts, and what came; with ``watch`` the page asks again by itself."""
    answer = _page(visit, ())
    if visit.query("watch"):
        answer.headers["refresh"] = str(ASK_AGAIN_SECONDS)
    return answer


def check(visit: Visit) -> Response:
    """Ask DNS, the server behind the site and its public name, now."""
    place, checks = visit.place, visit.desk.checks
    if checks is None:
        return _page(visit, (Answer(False, "This dashboard was started without a way to ask."),))
    return _page(visit, check_site(checks, place.host, place.origin))


def _page(visit: Visit, checked: tuple[Answer, ...]) -> Response:
    place = visit.place
    with visit.desk.database.read() as connection:
        state = connect_state(connection, place.site_id, place.host, visit.now_micros)
    known = fronts_of(place, visit.desk.edge_bind)
    chosen = next((one for one in known if one.word == visit.query("front")), known[0])
    return visit.render(
        "connect.html", state=state, fronts=known, chosen=chosen, checked=checked, watching=bool(visit.query("watch"))
    )
