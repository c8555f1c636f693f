"""What a link of an invitation shows, whichever door it opens: a form for a new account, a button, or that it is over.

Rules of this file
- An invitation is for one address. Who has no account makes one by the link; who has one signs in first; who is signed
  in as somebody else is told so, and nothing happens.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Protocol

from starlette.responses import Response

from edge.store.people import find_person
from publisher_dashboard.auth import find_current
from publisher_dashboard.visit import Visit


class Invited(Protocol):
    """Whoever a link is for."""

    @property
    def email(self) -> str:
        """The address that may use it."""
        ...


def invitation_link(visit: Visit) -> str:
    """The secret part of the address that was opened."""
    return str(visit.request.path_params["link"])


def has_account(visit: Visit, invited: Invited) -> bool:
    """Whether the address of an invitation signs in already."""
    with visit.desk.database.read() as connection:
        return find_person(connection, invited.email) is not None


def joining_page(
    visit: Visit, template: str, invited: Invited | None, errors: Mapping[str, str], **words: str
) -> Response:
    """The page of an invitation, or that there is none any more; ``words`` are the template's own."""
    current = find_current(visit.desk, visit.request, visit.now_micros)
    status = HTTPStatus.GONE if invited is None else HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK
    return visit.render(
        template,
        status,
        invited=invited,
        link=invitation_link(visit),
        has_account=invited is not None and has_account(visit, invited),
        signed_in_as=current.email if current else None,
        csrf=current.csrf_token if current else "",
        errors=errors,
        **words,
    )
