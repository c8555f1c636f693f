"""Sites: which hosts are served, for whom, and where the server behind each is.

Rules of this file:

- every change bumps the policy version in its own transaction;
- nothing is deleted, because entries name sites for ever: a removed site is inactive, and comes back as itself;
- a site's currency is that of its prices, so it is fixed once rules are in force.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from edge.core.signals.published import DEFAULT_SIGNALS, Signal, read_signals_text, signals_text
from edge.store.account_rows import publisher_account
from edge.store.audit_events import Action, record
from edge.store.policy_version import bump_policy_version
from edge.store.problems import InvalidValue, NameTaken, UnknownName
from edge.store.site_values import EdgeAddresses, read_currency, read_host, read_origin
from edge.store.tables import publisher, site

_WEB_ADDRESS = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+(?:[/?#][A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*)?")


@dataclass(frozen=True, slots=True)
class SiteOptions:
    """What can be set about a site; None leaves it as it is, or at its default for a new one.

    An empty ``scheme``, ``contact`` or ``register_url`` takes the value away.
    """

    origin: str | None = None
    currency: str | None = None
    scheme: str | None = None
    strict: bool | None = None
    in_band_pricing: bool | None = None
    error_detail: bool | None = None
    case_sensitive_paths: bool | None = None
    contact: str | None = None
    keep_unconfirmed: bool | None = None
    register_url: str | None = None
    signals: frozenset[Signal] | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """A site as stored; ``live_version`` is None before rules were first published."""

    site_id: int
    publisher_id: int
    publisher: str
    host: str
    origin: str
    currency: str
    scheme: str | None
    strict: bool
    in_band_pricing: bool
    error_detail: bool
    case_sensitive_paths: bool
    contact: str | None
    active: bool
    live_version: int | None
    created_at_micros: int
    keep_unconfirmed: bool = False
    register_url: str | None = None
    signals: frozenset[Signal] = DEFAULT_SIGNALS


_DEFAULTS: dict[str, Any] = {
    "currency": "USD",
    "scheme": None,
    "strict": False,
    "in_band_pricing": False,
    "error_detail": True,
    "case_sensitive_paths": False,
    "contact": None,
    "keep_unconfirmed": False,
    "register_url": None,
    "signals": signals_text(DEFAULT_SIGNALS),
}


def add_site(
    connection: Connection,
    host: str,
    publisher_id: int,
    options: SiteOptions,
    edge: EdgeAddresses,
    now_micros: int,
) -> Site:
    """Serve a host from now on; a removed site of the same publisher is taken up again with these options.

    Opens the publisher's account in the site's currency. Raises ``InvalidValue`` and ``NameTaken``.
    """
    host = read_host(host)
    if options.origin is None:
        raise InvalidValue("a site needs the address of the server behind it; give an origin", "origin")
    known = connection.execute(_query().where(site.c.host == host)).one_or_none()
    if known is not None:
        return _take_up_again(connection, _site(known), publisher_id, options, edge, now_micros)
    values = {**_DEFAULTS, **_read_options(options, edge), "host": host, "publisher_id": publisher_id}
    connection.execute(insert(site).values(**values, active=True, created_at_micros=now_micros))
    publisher_account(connection, publisher_id, values["currency"])
    bump_policy_version(connection, now_micros)
    return find_site(connection, host)


def list_sites(connection: Connection, publisher_id: int | None = None, *, with_removed: bool = False) -> list[Site]:
    """Sites by host; of one publisher, or of all."""
    query = _query().order_by(site.c.host)
    if publisher_id is not None:
        query = query.where(site.c.publisher_id == publisher_id)
    if not with_removed:
        query = query.where(site.c.active)
    return [_site(row) for row in connection.execute(query)]


def find_site(connection: Connection, host: str) -> Site:
    """The active site of that host; raises ``UnknownName``."""
    host = read_host(host)
    row = connection.execute(_query().where(site.c.host == host, site.c.active)).one_or_none()
    if row is None:
        raise UnknownName(f"no site named {host} is served; `farebox site list` shows all", "site")
    return _site(row)


def set_site(connection: Connection, host: str, options: SiteOptions, edge: EdgeAddresses, now_micros: int) -> Site:
    """Change what ``options`` names; raises ``UnknownName`` and ``InvalidValue``."""
    found = find_site(connection, host)
    return _change(connection, found, _read_options(options, edge), now_micros)


def switch_signal(
    connection: Connection, known: Site, signal: Signal, *, on: bool, author: str, now_micros: int
) -> bool:
    """Publish a signal of a site, or no longer; whether that changed anything. Raises ``UnknownName``."""
    while True:
        before = find_site(connection, known.host).signals
        after = before | {signal} if on else before - {signal}
        if after == before:
            return False
        # Somebody may be switching another one at the same moment: only what was read is replaced.
        unchanged = (site.c.id == known.site_id) & (site.c.signals == signals_text(before))
        done = connection.execute(update(site).where(unchanged).values(signals=signals_text(after)))
        if done.rowcount:
            break
    record(
        connection,
        Action.SITE_CHANGED,
        author=author,
        now_micros=now_micros,
        publisher_id=known.publisher_id,
        site_id=known.site_id,
        details={"signals": {"before": signals_text(before), "after": signals_text(after)}},
    )
    bump_policy_version(connection, now_micros)
    return True


def remove_site(connection: Connection, host: str, now_micros: int) -> Site:
    """Stop serving a host; its rules and history stay. Raises ``UnknownName``."""
    found = find_site(connection, host)
    connection.execute(update(site).where(site.c.id == found.site_id).values(active=False))
    bump_policy_version(connection, now_micros)
    return replace(found, active=False)


def _take_up_again(
    connection: Connection,
    known: Site,
    publisher_id: int,
    options: SiteOptions,
    edge: EdgeAddresses,
    now_micros: int,
) -> Site:
    if known.active:
        raise NameTaken(f"{known.host} is served already; change it with `farebox site set {known.host}`", "host")
    if known.publisher_id != publisher_id:
        raise NameTaken(f"{known.host} belonged to {known.publisher}; add it for that publisher", "host")
    return _change(connection, known, {**_read_options(options, edge), "active": True}, now_micros)


def _change(connection: Connection, found: Site, values: dict[str, Any], now_micros: int) -> Site:
    currency = values.get("currency", found.currency)
    if currency != found.currency and found.live_version is not None:
        message = f"{found.host} has published prices in {found.currency}; its currency cannot change any more"
        raise InvalidValue(message, "currency")
    if values:
        connection.execute(update(site).where(site.c.id == found.site_id).values(values))
        publisher_account(connection, found.publisher_id, currency)
        bump_policy_version(connection, now_micros)
    return find_site(connection, found.host)


def _read_options(options: SiteOptions, edge: EdgeAddresses) -> dict[str, Any]:
    """The columns that the options set, each checked."""
    flags = ("strict", "in_band_pricing", "error_detail", "case_sensitive_paths", "keep_unconfirmed")
    values: dict[str, Any] = {name: getattr(options, name) for name in flags if getattr(options, name) is not None}
    if options.origin is not None:
        values["origin"] = read_origin(options.origin, edge)
    if options.currency is not None:
        values["currency"] = read_currency(options.currency)
    if options.scheme is not None:
        values["scheme"] = _read_scheme(options.scheme)
    if options.contact is not None:
        values["contact"] = _read_contact(options.contact)
    if options.register_url is not None:
        values["register_url"] = _read_register_url(options.register_url)
    if options.signals is not None:
        values["signals"] = signals_text(options.signals)
    return values


def _read_scheme(text: str) -> str | None:
    if text not in ("", "http", "https"):
        raise InvalidValue(
            f"{text!r} is not a scheme; write http or https, or nothing to follow the connection", "scheme"
        )
    return text or None


def _read_contact(text: str) -> str | None:
    contact = text.strip()
    if len(contact) > 320 or not contact.isprintable():
        raise InvalidValue("a contact is one line of at most 320 characters", "contact")
    return contact or None


def _read_register_url(text: str) -> str | None:
    """It stands in a header field between angle brackets, so nothing in it may end one."""
    url = text.strip()
    if not url:
        return None
    if not _WEB_ADDRESS.fullmatch(url) or len(url) > 2048:
        message = f"{text!r} is not a page's address; write it like https://news.example/crawlers"
        raise InvalidValue(message, "register_url")
    return url


def _query() -> Select[tuple[Any, ...]]:
    return select(site, publisher.c.name.label("publisher")).join(publisher, publisher.c.id == site.c.publisher_id)


def _site(row: Row[tuple[Any, ...]]) -> Site:
    return Site(
        site_id=row.id,
        publisher_id=row.publisher_id,
        publisher=row.publisher,
        host=row.host,
        origin=row.origin,
        currency=row.currency,
        scheme=row.scheme,
        strict=row.strict,
        in_band_pricing=row.in_band_pricing,
        error_detail=row.error_detail,
        case_sensitive_paths=row.case_sensitive_paths,
        contact=row.contact,
        active=row.active,
        live_version=row.live_version,
        created_at_micros=row.created_at_micros,
        keep_unconfirmed=row.keep_unconfirmed,
        register_url=row.register_url,
        signals=read_signals_text(row.signals),
    )
