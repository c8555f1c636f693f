"""Find something by a few words."""

from __future__ import annotations

from starlette.responses import Response

from publisher_dashboard.views.find import find
from publisher_dashboard.visit import Visit


def show(visit: Visit) -> Response:
    """What fits the words in the address."""
    words = visit.query("q")[:200]
    with visit.desk.database.read() as connection:
        found = find(connection, words, visit.memberships, visit.links())
    return visit.render("find.html", words=words, found=found)
