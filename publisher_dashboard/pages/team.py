"""The team of a publisher: roles, invitations, leaving.

Rules of this file
- A member or an invitation is looked for among the publisher's own.
- The link of an invitation is on the page that made it and nowhere afterwards; farebox sends no mail.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response

from edge.store.invitations import Invitation, invite, renew_invitation, revoke_invitation
from edge.store.people import LastOwner, Role
from edge.store.problems import StoreProblem, UnknownName
from edge.store.team import remove_member, set_role
from publisher_dashboard.auth import NOT_HERE, Turned
from publisher_dashboard.forms import sentence
from publisher_dashboard.views.team import ROLE_WORDS, MemberShown, member_shown, team
from publisher_dashboard.visit import Need, Visit


def show(visit: Visit) -> Response:
    """Everybody, who was invited, and what each role covers."""
    return _page(visit, {"role": Role.VIEWER.value}, {})


def show_member(visit: Visit) -> Response:
    """One member: their role, and how to change it or to let them go."""
    return _member_page(visit, _find(visit), {})


def invite_member(visit: Visit) -> Response:
    """Make an invitation and show its link, once."""
    role = _role(visit)
    if role is None:
        return _page(visit, visit.form, {"role": "Choose one of the roles."})
    try:
        with visit.desk.database.write() as connection:
            made, token = invite(
                connection,
                visit.publisher.publisher_id,
                visit.form.get("email", ""),
                role,
                author=visit.person.email,
                now_micros=visit.now_micros,
            )
    except StoreProblem as wrong:
        return _page(visit, visit.form, {wrong.field or "email": sentence(str(wrong))})
    return _link_shown_once(visit, made, token)


def renew(visit: Visit) -> Response:
    """Make another link for somebody who was invited; the one before opens nothing any more."""
    try:
        with visit.desk.database.write() as connection:
            found, token = renew_invitation(
                connection,
                visit.publisher.publisher_id,
                _number(visit, "invitation_id"),
                author=visit.person.email,
                now_micros=visit.now_micros,
            )
    except UnknownName as unknown:
        raise _not_here(visit) from unknown
    return _link_shown_once(visit, found, token)


def revoke(visit: Visit) -> Response:
    """Take an invitation back."""
    try:
        with visit.desk.database.write() as connection:
            revoke_invitation(
                connection,
                visit.publisher.publisher_id,
                _number(visit, "invitation_id"),
                author=visit.person.email,
                now_micros=visit.now_micros,
            )
    except UnknownName as unknown:
        raise _not_here(visit) from unknown
    return visit.go(visit.publisher_path("team"), "invitation-revoked")


def change_role(visit: Visit) -> Response:
    """Change what a member may do."""
    shown, role = _find(visit), _role(visit)
    if role is None:
        return _member_page(visit, shown, {"role": "Choose one of the roles."})
    try:
        with visit.desk.database.write() as connection:
            set_role(
                connection,
                visit.publisher.publisher_id,
                shown.member.person_id,
                role,
                author=visit.person.email,
                now_micros=visit.now_micros,
            )
    except LastOwner as last:
        return _member_page(visit, shown, {"role": sentence(str(last))})
    return visit.go(visit.publisher_path("team"), "role-changed" if role is not shown.member.role else "same")


def remove(visit: Visit) -> Response:
    """Take a member out of the team."""
    shown = _find(visit)
    _let_go(visit, shown.member.person_id)
    if shown.member.person_id == visit.person.person_id:
        return visit.go("/", "left")
    return visit.go(visit.publisher_path("team"), "removed")


def leave(visit: Visit) -> Response:
    """Leave the team oneself."""
    _let_go(visit, visit.person.person_id)
    return visit.go("/", "left")


def _let_go(visit: Visit, person_id: int) -> None:
    try:
        with visit.desk.database.write() as connection:
            remove_member(
                connection,
                visit.publisher.publisher_id,
                person_id,
                author=visit.person.email,
                now_micros=visit.now_micros,
            )
    except LastOwner as last:
        raise Turned(HTTPStatus.CONFLICT, sentence(str(last)), visit.publisher_path("team")) from last
    except UnknownName as unknown:
        raise _not_here(visit) from unknown


def _find(visit: Visit) -> MemberShown:
    try:
        with visit.desk.database.read() as connection:
            return member_shown(connection, visit.publisher.publisher_id, _number(visit, "member_id"))
    except UnknownName as unknown:
        raise _not_here(visit) from unknown


def _number(visit: Visit, name: str) -> int:
    return int(visit.request.path_params[name])


def _role(visit: Visit) -> Role | None:
    return next((role for role in Role if role.value == visit.form.get("role", "")), None)


def _not_here(visit: Visit) -> Turned:
    return Turned(HTTPStatus.NOT_FOUND, NOT_HERE, visit.publisher_path("team"))


def _link_shown_once(visit: Visit, made: Invitation, token: str) -> Response:
    address = visit.desk.address.public_url or str(visit.request.base_url)
    link = f"{address.rstrip('/')}/invitations/{token}"
    return visit.render("invited.html", HTTPStatus.CREATED, invited=made, link=link)


def _page(visit: Visit, form: Mapping[str, str], errors: Mapping[str, str]) -> Response:
    with visit.desk.database.read() as connection:
        shown = team(connection, visit.publisher.publisher_id)
    return visit.render(
        "team.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        staff=shown,  # not "team": that is the frame's, of the crawler whose portal this is
        words=ROLE_WORDS,
        form=form,
        errors=errors,
        may_manage=visit.may(Need.MANAGE),
    )


def _member_page(visit: Visit, shown: MemberShown, errors: Mapping[str, str]) -> Response:
    return visit.render(
        "member.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        shown=shown,
        words=ROLE_WORDS,
        errors=errors,
        may_manage=visit.may(Need.MANAGE),
        is_oneself=shown.member.person_id == visit.person.person_id,
    )
