"""Sites that a publisher wants served and that wait for whoever runs the edge.

Rules of this file
- A claim holds nothing: not the host, which two may want, and not the origin, which nobody asks before it is taken up.
  An origin can be any machine that the edge reaches, so who runs the edge decides (docs/decisions/0052).
- Asking, taking back and refusing are in the publisher's audit log, in the same transaction.
- That the domain is proved, by its DNS or a file on it, is evidence for that decision; it is looked for, never told.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from edge.store import audit_events
from edge.store.insertion import insert_new
from edge.store.problems import InvalidValue, NameTaken, StoreProblem, UnknownName
from edge.store.site_settings import begin_site
from edge.store.site_values import EdgeAddresses, read_currency, read_host, read_origin
from edge.store.sites import Site, SiteOptions
from edge.store.tables import publisher, site, site_claim

CLAIMS_MAX = 20
RECORD_LABEL = "_farebox"
RECORD_PREFIX = "farebox-site="
FILE_PATH = "/.well-known/farebox-site.txt"


class ClaimMoved(StoreProblem):
    """A claim asks for something else than what was looked at."""


@dataclass(frozen=True, slots=True)
class SiteClaim:
    """One claim. ``proved_how`` is ``dns``, ``file`` or None."""

    claim_id: int
    publisher_id: int
    publisher: str
    host: str
    origin: str
    currency: str
    proof: str
    made_by: str
    made_at_micros: int
    proved_how: str | None
    proved_at_micros: int | None

    @property
    def record_name(self) -> str:
        """The name in DNS whose TXT record proves the domain."""
        return f"{RECORD_LABEL}.{self.host}"

    @property
    def record_text(self) -> str:
        """What the record says."""
        return f"{RECORD_PREFIX}{self.proof}"

    @property
    def file_url(self) -> str:
        """Where a file with the proof alone proves it as well."""
        return f"https://{self.host}{FILE_PATH}"


def claim_site(
    connection: Connection,
    publisher_id: int,
    host: str,
    options: SiteOptions,
    edge: EdgeAddresses,
    author: str,
    now_micros: int,
) -> SiteClaim:
    """Ask for a site to be served; asking again changes what was asked. Raises ``InvalidValue`` and ``NameTaken``."""
    host = read_host(host)
    origin, currency = read_origin(options.origin or "", edge), read_currency(options.currency or "USD")
    if connection.execute(select(site.c.id).where(site.c.host == host, site.c.active)).first() is not None:
        raise NameTaken(f"{host} is served already", "host")
    own = site_claim.c.publisher_id == publisher_id
    same = own & (site_claim.c.host == host)
    values = {"origin": origin, "currency": currency}
    # Who runs the edge reads who asked for this very server; whoever asks for the same again changes nothing.
    other = same & ((site_claim.c.origin != origin) | (site_claim.c.currency != currency))
    moved = update(site_claim).where(other).values(made_by=author, made_at_micros=now_micros, **values)
    is_news = connection.execute(moved).rowcount == 1
    if connection.execute(select(site_claim.c.id).where(same)).first() is None:
        if connection.execute(select(func.count()).where(own)).scalar_one() >= CLAIMS_MAX:
            raise InvalidValue(f"{CLAIMS_MAX} sites wait already; take one back first", "host")
        made = {"publisher_id": publisher_id, "host": host, "proof": secrets.token_hex(16), "made_by": author}
        # Of two who ask at once the second finds it there, by the key, and sees the first one's.
        is_news = insert_new(connection, site_claim, {**values, **made, "made_at_micros": now_micros})
    claim = find_claim(connection, host, publisher_id)
    if is_news:
        _tell(connection, audit_events.Action.SITE_ASKED, claim, author, now_micros, values)
    return claim


def list_claims(connection: Connection, publisher_id: int | None = None) -> list[SiteClaim]:
    """The claims of a publisher, or all, the oldest first."""
    query = _query().order_by(site_claim.c.id)
    if publisher_id is not None:
        query = query.where(site_claim.c.publisher_id == publisher_id)
    return [_claim(row) for row in connection.execute(query)]


def find_claim(connection: Connection, host: str, publisher_id: int) -> SiteClaim:
    """A publisher's claim of a host; raises ``UnknownName``."""
    where = (site_claim.c.host == read_host(host)) & (site_claim.c.publisher_id == publisher_id)
    row = connection.execute(_query().where(where)).one_or_none()
    if row is None:
        raise UnknownName(f"{host} does not wait to be served", "host")
    return _claim(row)


def own_claim(connection: Connection, publisher_id: int, claim_id: int) -> SiteClaim:
    """A publisher's claim by its number; raises ``UnknownName``."""
    where = (site_claim.c.id == claim_id) & (site_claim.c.publisher_id == publisher_id)
    row = connection.execute(_query().where(where)).one_or_none()
    if row is None:
        raise UnknownName("no such site waits to be served", "claim")
    return _claim(row)


def note_proof(connection: Connection, claim: SiteClaim, how: str | None, now_micros: int) -> None:
    """Note what was found of a domain's proof; None that there is none now."""
    found = {"proved_how": how, "proved_at_micros": None if how is None else now_micros}
    connection.execute(update(site_claim).where(site_claim.c.id == claim.claim_id).values(found))


def withdraw_claim(
    connection: Connection, claim: SiteClaim, *, author: str, now_micros: int, refused: bool = False
) -> bool:
    """Take a claim back, or refuse it, and write it down; whether it was there."""
    if connection.execute(delete(site_claim).where(site_claim.c.id == claim.claim_id)).rowcount != 1:
        return False
    action = audit_events.Action.SITE_REFUSED if refused else audit_events.Action.SITE_WITHDRAWN
    _tell(connection, action, claim, author, now_micros, {"origin": claim.origin})
    return True


def take_up_claim(connection: Connection, claim: SiteClaim, edge: EdgeAddresses, author: str, now_micros: int) -> Site:
    """Serve the site of a claim from now on, as it was looked at.

    Raises ``UnknownName`` when it was taken back meanwhile, ``ClaimMoved`` when it asks for something else by now, and
    as adding. Whoever claims could otherwise name another server between the look and the yes.
    """
    asked = site_claim.c
    seen = (asked.id == claim.claim_id) & (asked.origin == claim.origin) & (asked.currency == claim.currency)
    if connection.execute(delete(site_claim).where(seen)).rowcount != 1:
        now = find_claim(connection, claim.host, claim.publisher_id)
        raise ClaimMoved(f"it was changed: it would be fetched from {now.origin} now, in {now.currency}", "host")
    options = SiteOptions(origin=claim.origin, currency=claim.currency)
    return begin_site(connection, claim.host, claim.publisher_id, options, edge, author=author, now_micros=now_micros)


def _tell(
    connection: Connection,
    action: audit_events.Action,
    claim: SiteClaim,
    author: str,
    now_micros: int,
    details: Mapping[str, str],
) -> None:
    audit_events.record(
        connection,
        action,
        author=author,
        now_micros=now_micros,
        publisher_id=claim.publisher_id,
        subject=claim.host,
        details=details,
    )


def _query() -> Any:
    return select(site_claim, publisher.c.name.label("publisher")).join(
        publisher, publisher.c.id == site_claim.c.publisher_id
    )


def _claim(row: Row[tuple[Any, ...]]) -> SiteClaim:
    return SiteClaim(
        claim_id=row.id,
        publisher_id=row.publisher_id,
        publisher=row.publisher,
        host=row.host,
        origin=row.origin,
        currency=row.currency,
        proof=row.proof,
        made_by=row.made_by,
        made_at_micros=row.made_at_micros,
        proved_how=row.proved_how,
        proved_at_micros=row.proved_at_micros,
    )
