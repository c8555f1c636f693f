"""How a site is served: the server behind it, what refusals say, who is told what; pausing and resuming it.

Rules of this file
- It counts when it is saved: there is no draft, and every edge follows within a second.
- Where requests go is the edge's own safety (an address behind the firewall would be served to everybody), so only who
  runs the edge may change the server. It is asked once more, as pausing is.
- Somebody else's change meanwhile is shown beside one's own (409); nothing is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response

from edge.store.problems import InvalidValue, UnknownName
from edge.store.site_settings import SiteMoved, change_site, pause_site, resume_site
from edge.store.sites import Site
from publisher_dashboard.auth import NOT_HERE, TOKEN_FIELD, Turned
from publisher_dashboard.forms import sentence
from publisher_dashboard.views.site_settings import (
    LABELS,
    SWITCHES,
    differences,
    edge_addresses,
    read_options,
    site_settings,
)
from publisher_dashboard.visit import Need, Visit


def show(visit: Visit) -> Response:
    """The settings; a form for owners."""
    return _page(visit, site_settings(visit.place).form, site_settings(visit.place).mark, {})


def save(visit: Visit) -> Response:
    """Change what the form says, if nobody was faster; another server is asked for once more."""
    form, mark = visit.form, visit.form.get("seen", "")
    moves = visit.operates and form.get("origin", visit.place.origin) != visit.place.origin
    if moves and form.get("sure") != form.get("origin"):
        return visit.render("site_move.html", kept=_kept(form), wanted=form.get("origin", ""), seen=mark)
    options = read_options(form, visit.place, may_move=visit.operates)
    try:
        with visit.desk.database.write() as connection:
            changed = change_site(
                connection,
                visit.place.host,
                options,
                edge_addresses(connection, visit.desk.edge_bind),
                author=visit.person.email,
                now_micros=visit.now_micros,
                seen=mark,
            )
    except InvalidValue as wrong:
        return _page(visit, form, mark, {wrong.field or "origin": sentence(str(wrong))})
    except SiteMoved as moved:
        return _conflict(visit, moved.theirs)
    same = site_settings(changed).mark == mark
    return visit.go(visit.site_path("settings"), "same" if same else "settings-saved")


def ask_pause(visit: Visit) -> Response:
    """Ask whether it is meant."""
    return visit.render("site_pause.html")


def pause(visit: Visit) -> Response:
    """Stop serving the site."""
    with visit.desk.database.write() as connection:
        pause_site(connection, visit.place.host, author=visit.person.email, now_micros=visit.now_micros)
    return visit.go(visit.publisher_path("sites"), "site-paused")


def resume(visit: Visit) -> Response:
    """Serve a site of this publisher again."""
    number = int(visit.request.path_params["site_id"])
    try:
        with visit.desk.database.write() as connection:
            found = resume_site(
                connection,
                visit.publisher.publisher_id,
                number,
                author=visit.person.email,
                now_micros=visit.now_micros,
            )
    except UnknownName as unknown:
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE, visit.publisher_path("sites")) from unknown
    return visit.go(f"/sites/{found.host}/settings", "site-resumed")


def _kept(form: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in form.items() if name not in (TOKEN_FIELD, "sure", "seen")]


def _conflict(visit: Visit, theirs: Site) -> Response:
    return visit.render(
        "settings_conflict.html",
        HTTPStatus.CONFLICT,
        differences=differences(visit.form, theirs),
        kept=_kept(visit.form),
        mark=site_settings(theirs).mark,
        here=visit.site_path("settings"),
        of=theirs.host,
    )


def _page(visit: Visit, form: Mapping[str, str], mark: str, errors: Mapping[str, str]) -> Response:
    return visit.render(
        "site_settings.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        site=visit.place,
        form=form,
        mark=mark,
        errors=errors,
        switches=SWITCHES,
        labels=LABELS,
        may_manage=visit.may(Need.MANAGE),
        may_move=visit.operates,
    )
