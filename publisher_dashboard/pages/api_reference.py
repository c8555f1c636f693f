"""The API's description for people; it holds nothing of anybody, so whoever comes may read it."""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import Response

from publisher_dashboard.api.routes import OPERATIONS
from publisher_dashboard.api.values import ROOT
from publisher_dashboard.auth import Turned
from publisher_dashboard.views.api_reference import operation_of, reference_of
from publisher_dashboard.visit import Visit


def show(visit: Visit) -> Response:
    """How to ask, every operation, and every code."""
    return visit.render("api_reference.html", reference=reference_of(OPERATIONS), address=_address(visit))


def show_one(visit: Visit) -> Response:
    """One operation: what it takes, what it answers, and a command that asks it."""
    found = operation_of(OPERATIONS, str(visit.request.path_params["name"]))
    if found is None:
        raise Turned(HTTPStatus.NOT_FOUND, "There is no such operation.", f"{ROOT}/docs")
    return visit.render("api_operation.html", told=found, address=_address(visit))


def _address(visit: Visit) -> str:
    """Where programs ask, as far as this dashboard knows its own name."""
    return f"{(visit.desk.address.public_url or str(visit.request.base_url)).rstrip('/')}{ROOT}"
