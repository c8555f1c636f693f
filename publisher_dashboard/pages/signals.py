"""Signals: what a site tells crawlers before they crawl, each switched on and off here."""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import Response

from edge.core.signals.published import Signal
from edge.store.sites import switch_signal
from publisher_dashboard.auth import NOT_HERE, Turned
from publisher_dashboard.edition import look
from publisher_dashboard.own_documents import Served
from publisher_dashboard.views.signals import LINES_SHOWN, signals_screen
from publisher_dashboard.visit import Need, Visit


def show(visit: Visit) -> Response:
    """Every signal; with ``look=1`` in the address, beside what the site's own server says today."""
    edition, site = look(visit), visit.place
    desk = visit.desk

    def served(path: str) -> Served:
        return desk.own_documents.at(site.origin, site.host, path)

    screen = signals_screen(
        site,
        edition.live_rules,
        edition.draft.rules if edition.draft else None,
        desk.crawlers,
        desk.operator,
        visit.now,
        served if visit.query("look") == "1" else None,
    )
    return visit.render("signals.html", screen=screen, may_edit=visit.may(Need.EDIT), lines_shown=LINES_SHOWN)


def switch(visit: Visit) -> Response:
    """Publish one signal from now on, or no longer."""
    try:
        signal = Signal(visit.form.get("signal", ""))
    except ValueError:
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE, visit.site_path("signals")) from None
    is_on = visit.form.get("on") == "1"
    with visit.desk.database.write() as connection:
        changed = switch_signal(
            connection, visit.place, signal, on=is_on, author=visit.person.email, now_micros=visit.now_micros
        )
    back = visit.site_path("signals") + ("?look=1" if visit.form.get("look") == "1" else "")
    return visit.go(back, ("signal-on" if is_on else "signal-off") if changed else "same")
