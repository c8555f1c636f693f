"""A publisher's own settings: what statements say of it, and where the operator writes to."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response

from edge.store.problems import StoreProblem
from edge.store.publishers import PublisherMoved, change_publisher, publisher_mark, read_publisher
from publisher_dashboard.forms import sentence
from publisher_dashboard.views.site_settings import Difference
from publisher_dashboard.visit import Need, Visit


def show(visit: Visit) -> Response:
    """The settings; a form for owners."""
    with visit.desk.database.read() as connection:
        known = read_publisher(connection, visit.publisher.publisher_id)
    form = {"name": known.name, "email": known.email, "letterhead": known.letterhead}
    return _page(visit, form, publisher_mark(known), {})


def save(visit: Visit) -> Response:
    """Change what statements say, if nobody was faster."""
    name, email, mark = visit.form.get("name", ""), visit.form.get("email", ""), visit.form.get("seen", "")
    letterhead = visit.form.get("letterhead", "")
    try:
        with visit.desk.database.write() as connection:
            changed = change_publisher(
                connection,
                visit.publisher.publisher_id,
                name,
                email,
                author=visit.person.email,
                now_micros=visit.now_micros,
                seen=mark,
                letterhead=letterhead,
            )
    except PublisherMoved as moved:
        pairs = (
            ("Name", name, moved.theirs.name),
            ("Address and tax number", _lines(letterhead), moved.theirs.letterhead),
            ("Email", email, moved.theirs.email),
        )
        return visit.render(
            "settings_conflict.html",
            HTTPStatus.CONFLICT,
            differences=[Difference(*pair) for pair in pairs if pair[1] != pair[2]],
            kept=[("name", name), ("letterhead", letterhead), ("email", email)],
            mark=publisher_mark(moved.theirs),
            here=visit.publisher_path("settings"),
            of=moved.theirs.name,
        )
    except StoreProblem as wrong:
        return _page(visit, visit.form, mark, {wrong.field or "name": sentence(str(wrong))})
    return visit.go(visit.publisher_path("settings"), "same" if publisher_mark(changed) == mark else "settings-saved")


def _lines(text: str) -> str:
    """What was typed, as it would be kept: a form ends its lines as HTTP does."""
    return "\n".join(text.splitlines())


def _page(visit: Visit, form: Mapping[str, str], mark: str, errors: Mapping[str, str]) -> Response:
    return visit.render(
        "publisher_settings.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        form=form,
        mark=mark,
        errors=errors,
        may_manage=visit.may(Need.MANAGE),
    )
