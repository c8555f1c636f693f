"""Sites that a publisher asks for, and that wait for whoever runs the edge.

Rule of this file: a token never has a site served by itself, whoever made it. An origin can be any machine that the
edge reaches, so only who runs the edge says yes (decision 0052).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, assert_never

from pydantic import Field

from edge.store.site_claims import SiteClaim, claim_site, list_claims, note_proof, own_claim, withdraw_claim
from edge.store.site_values import host_in
from edge.store.sites import SiteOptions
from publisher_dashboard.api.operations import Answer, Call
from publisher_dashboard.api.problems import Code, Problem
from publisher_dashboard.api.values import Done, Model, Nothing, time_of
from publisher_dashboard.rendering import at
from publisher_dashboard.views.site_claims import Looked, look_for_proof
from publisher_dashboard.views.site_settings import edge_addresses

_FOUND_CHARACTERS = 200
_FOUND_RECORDS = 10
_NO_WAY_TO_ASK = "This dashboard was started without a way to ask."


class NewSite(Model):
    """A host, the server that answers for it today, and the currency of its prices."""

    host: Annotated[str, Field(max_length=2048)]
    origin: Annotated[str, Field(max_length=2048)]
    currency: Annotated[str, Field(max_length=3)] = "USD"


class ClaimShown(Model):
    """A site that waits. One of two proves its domain: a TXT record in DNS, or a file at ``file_url``."""

    id: int
    host: str
    origin: str
    currency: str
    record_name: str
    record_text: str
    file_url: str
    file_text: str
    proved: str | None
    proved_at: datetime | None
    asked_by: str
    asked_at: datetime


class ClaimChecked(ClaimShown):
    """A site that waits, and what a look for its proof came upon.

    ``found_records`` are the TXT records of ``record_name``. ``found_file`` is what stands at ``file_url``; null where
    there is nothing, or where the record proved the domain already.
    """

    found_records: tuple[str, ...]
    found_file: str | None
    words: str


class ClaimList(Model):
    """The sites that wait, the oldest first."""

    data: tuple[ClaimShown, ...]


def ask_for_site(call: Call, asked: Nothing, body: NewSite) -> Answer:
    """Ask for a site to be served. It waits for whoever runs the edge; asking again changes what was asked."""
    host, options = host_in(body.host), SiteOptions(origin=body.origin, currency=body.currency)
    with call.desk.database.write() as connection:
        edge = edge_addresses(connection, call.desk.edge_bind)
        made = claim_site(connection, call.publisher_id, host, options, edge, call.author, call.now_micros)
    return Answer(_shown(made), 201)


def list_own_claims(call: Call, asked: Nothing) -> ClaimList:
    """The sites that wait, with what proves their domains and what was found."""
    with call.desk.database.read() as connection:
        return ClaimList(data=tuple(map(_shown, list_claims(connection, call.publisher_id))))


def check_claim(call: Call, asked: Nothing) -> ClaimChecked:
    """Look for the proof of a domain now, in its DNS and on the site; note and say what is there."""
    number, checks = call.number("claim_id"), call.desk.checks
    with call.desk.database.read() as connection:
        claim = own_claim(connection, call.publisher_id, number)
    if checks is None:
        raise Problem(Code.NOT_POSSIBLE, _NO_WAY_TO_ASK)
    looked = look_for_proof(checks, claim)
    with call.desk.database.write() as connection:
        note_proof(connection, claim, looked.how, call.now_micros)
        found = _shown(own_claim(connection, call.publisher_id, number))
    return ClaimChecked(
        **found.model_dump(),
        found_records=tuple(text[:_FOUND_CHARACTERS] for text in looked.records[:_FOUND_RECORDS]),
        found_file=None if looked.file is None else looked.file[:_FOUND_CHARACTERS],
        words=_words(claim, looked),
    )


def _words(claim: SiteClaim, looked: Looked) -> str:
    match looked.how:
        case "dns":
            return f"The TXT record of {claim.record_name} proves the domain."
        case "file":
            return f"The file at {claim.file_url} proves the domain."
        case None:
            records = "another text" if looked.records else "no TXT record"
            file = "no file" if looked.file is None else "another text"
            return (
                f"The proof is not there yet. {claim.record_name} has {records}, not {claim.record_text}; "
                f"at {claim.file_url} there is {file}, not {claim.proof}. DNS can take an hour to show a new record."
            )
        case _:
            assert_never(looked.how)


def withdraw_own_claim(call: Call, asked: Nothing) -> Done:
    """Take it back; nothing was served."""
    with call.desk.database.write() as connection:
        claim = own_claim(connection, call.publisher_id, call.number("claim_id"))
        gone = withdraw_claim(connection, claim, author=call.author, now_micros=call.now_micros)
    return Done(changed=gone)


def _shown(claim: SiteClaim) -> ClaimShown:
    return ClaimShown(
        id=claim.claim_id,
        host=claim.host,
        origin=claim.origin,
        currency=claim.currency,
        record_name=claim.record_name,
        record_text=claim.record_text,
        file_url=claim.file_url,
        file_text=claim.proof,
        proved=claim.proved_how,
        proved_at=time_of(claim.proved_at_micros),
        asked_by=claim.made_by,
        asked_at=at(claim.made_at_micros),
    )
