"""A new site: served at once when whoever runs the edge adds it, else proved and waiting for them.

Rule of this file: an origin can be any machine that the edge reaches, so only who runs the edge has one asked
(docs/decisions/0052).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus

from starlette.responses import Response

from edge.store.problems import StoreProblem, UnknownName
from edge.store.site_claims import (
    SiteClaim,
    claim_site,
    find_claim,
    list_claims,
    note_proof,
    take_up_claim,
    withdraw_claim,
)
from edge.store.site_settings import begin_site
from edge.store.site_values import EdgeAddresses, host_in
from edge.store.sites import SiteOptions, list_sites
from publisher_dashboard.auth import NOT_HERE, Turned
from publisher_dashboard.forms import sentence
from publisher_dashboard.views.site_claims import proof_of
from publisher_dashboard.visit import Need, Visit

CURRENCIES = ("USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "SEK", "INR", "BRL")
_FIELDS = {"host", "origin", "currency"}


def show(visit: Visit) -> Response:
    """The form."""
    return _form(visit, {"currency": "USD"}, {})


def add(visit: Visit) -> Response:
    """Serve the site from now on, or have it wait."""
    options = SiteOptions(origin=visit.form.get("origin", ""), currency=visit.form.get("currency", "USD"))
    typed, publisher_id = visit.form.get("host", ""), visit.publisher.publisher_id
    author, now = visit.person.email, visit.now_micros
    try:
        host = host_in(typed)
        with visit.desk.database.write() as connection:
            edge = _edge(visit, {one.host for one in list_sites(connection)})
            if visit.operates:
                begin_site(connection, host, publisher_id, options, edge, author=author, now_micros=now)
            else:
                claim_site(connection, publisher_id, host, options, edge, author, now)
    except StoreProblem as why:
        field = getattr(why, "field", "host")
        return _form(visit, visit.form, {field if field in _FIELDS else "host": sentence(str(why))})
    read_out = host if host != typed.strip().lower() else None
    if visit.operates:
        return visit.go(visit.publisher_path(), "site-read" if read_out else "site-added", read_out)
    waiting = visit.publisher_path("sites", "waiting")
    return visit.go(waiting, "site-waits-read" if read_out else "site-waits", read_out)


def waiting(visit: Visit) -> Response:
    """The sites that wait, what proves their domains, and what was found."""
    with visit.desk.database.read() as connection:
        claims = list_claims(connection, visit.publisher.publisher_id)
    return visit.render("sites_waiting.html", claims=claims, may_manage=visit.may(Need.MANAGE))


def check(visit: Visit) -> Response:
    """Look for the proof of a domain, in its DNS and on the site, and note what is there."""
    claim = _own_claim(visit)
    how = proof_of(visit.desk.checks, claim)
    with visit.desk.database.write() as connection:
        note_proof(connection, claim, how, visit.now_micros)
    return visit.go(visit.publisher_path("sites", "waiting"), "domain-proved" if how else "domain-not-proved")


def withdraw(visit: Visit) -> Response:
    """Take a claim back."""
    claim = _own_claim(visit)
    with visit.desk.database.write() as connection:
        withdraw_claim(connection, claim, author=visit.person.email, now_micros=visit.now_micros)
    return visit.go(visit.publisher_path("sites", "waiting"), "site-withdrawn")


def show_all_waiting(visit: Visit) -> Response:
    """For the operator: every site that waits."""
    with visit.desk.database.read() as connection:
        claims = list_claims(connection)
    return visit.render("operator_sites.html", claims=claims)


def serve(visit: Visit) -> Response:
    """Serve a site that waits, as it stood on the page."""
    form = visit.form
    claim = replace(_any_claim(visit), origin=form.get("origin", ""), currency=form.get("currency", ""))
    try:
        with visit.desk.database.write() as connection:
            edge = _edge(visit, {one.host for one in list_sites(connection)})
            take_up_claim(connection, claim, edge, visit.person.email, visit.now_micros)
    except StoreProblem as why:
        raise Turned(HTTPStatus.CONFLICT, sentence(str(why)), "/operator/sites") from why
    return visit.go("/operator/sites", "site-served")


def refuse(visit: Visit) -> Response:
    """Refuse a site that waits."""
    claim = _any_claim(visit)
    with visit.desk.database.write() as connection:
        withdraw_claim(connection, claim, author=visit.person.email, now_micros=visit.now_micros, refused=True)
    return visit.go("/operator/sites", "site-refused")


def _own_claim(visit: Visit) -> SiteClaim:
    return _claim(visit, visit.publisher.publisher_id)


def _any_claim(visit: Visit) -> SiteClaim:
    text = visit.form.get("publisher", "")
    return _claim(visit, int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0)


def _claim(visit: Visit, publisher_id: int) -> SiteClaim:
    try:
        with visit.desk.database.read() as connection:
            return find_claim(connection, visit.form.get("host", ""), publisher_id)
    except (UnknownName, StoreProblem) as gone:
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE) from gone


def _edge(visit: Visit, served: set[str]) -> EdgeAddresses:
    host, port = visit.desk.edge_bind or ("127.0.0.1", 8402)
    return EdgeAddresses.of_bind(host, port, frozenset(served))


def _form(visit: Visit, form: Mapping[str, str], errors: Mapping[str, str]) -> Response:
    return visit.render(
        "site_new.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        form=form,
        errors=errors,
        serves=visit.operates,
        currencies=[(one, one) for one in CURRENCIES],
    )
