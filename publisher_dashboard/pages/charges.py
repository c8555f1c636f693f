"""A publisher's charges, and giving one back."""

from __future__ import annotations

from starlette.responses import Response

from publisher_dashboard.charge_pages import Reach, download_list, show_charge, show_list
from publisher_dashboard.refunds import give_back, show_refund
from publisher_dashboard.visit import Need, Visit


def show(visit: Visit) -> Response:
    """The table, its sum, and the way to the next page."""
    return show_list(visit, _reach(visit))


def show_one(visit: Visit) -> Response:
    """One charge with its entries."""
    return show_charge(visit, _reach(visit))


def download(visit: Visit) -> Response:
    """Exactly the charges of this filter as CSV."""
    return download_list(visit, _reach(visit))


def ask_refund(visit: Visit) -> Response:
    """The form that gives a charge back."""
    return show_refund(visit, _reach(visit))


def refund(visit: Visit) -> Response:
    """Give a charge back, whole or in part."""
    return give_back(visit, _reach(visit))


def _reach(visit: Visit) -> Reach:
    return Reach(
        visit.publisher_path("charges"),
        publisher_id=visit.publisher.publisher_id,
        may_export=visit.may(Need.EXPORT),
        may_refund=visit.may(Need.REFUND),
    )
