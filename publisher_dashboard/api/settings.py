"""Settings of a site and of the publisher, and what a site tells crawlers.

Rules of this file: a change says which state was seen (``If-Match``). The server behind a site is not changed here:
only who runs the edge says where requests go (decision 0050).
"""

from __future__ import annotations

from typing import Literal

from edge.core.signals.published import Signal
from edge.store.publishers import Publisher, PublisherMoved, change_publisher, publisher_mark, read_publisher
from edge.store.rulesets import find_draft
from edge.store.site_settings import SiteMoved, change_site
from edge.store.sites import SiteOptions, switch_signal
from publisher_dashboard.api.operations import Answer, Call
from publisher_dashboard.api.problems import Code, Problem
from publisher_dashboard.api.sites import of_site
from publisher_dashboard.api.values import Done, Model, Nothing
from publisher_dashboard.edition import edition_of
from publisher_dashboard.views.signals import signals_screen
from publisher_dashboard.views.site_settings import edge_addresses


class SiteChange(Model):
    """What to change; what is left out stays. An empty contact or address takes it away."""

    currency: str | None = None
    scheme: Literal["", "http", "https"] | None = None
    contact: str | None = None
    register_url: str | None = None
    strict: bool | None = None
    in_band_pricing: bool | None = None
    error_detail: bool | None = None
    case_sensitive_paths: bool | None = None
    keep_unconfirmed: bool | None = None


class PublisherShown(Model):
    """The publisher: the name that reports bear, what they print below it, and where the operator writes to."""

    name: str
    letterhead: str
    email: str


class PublisherChange(Model):
    """What to change; what is left out stays. ``letterhead`` is an address and tax number, a line each."""

    name: str | None = None
    letterhead: str | None = None
    email: str | None = None


class SignalShown(Model):
    """One signal: ``text`` is what is published, or would be; ``draft`` the draft's, where that differs."""

    signal: Signal
    on: bool
    path: str | None
    text: str
    draft: str | None


class SignalList(Model):
    """All signals of a site; ``remarks`` are what they cannot say."""

    published: bool
    signals: tuple[SignalShown, ...]
    remarks: tuple[str, ...]


class SignalSwitch(Model):
    """On or off."""

    on: bool


def change_site_settings(call: Call, asked: Nothing, body: SiteChange) -> Answer:
    """Change how a site is served; every edge follows within a second."""
    seen = call.seen
    try:
        with call.desk.database.write() as connection:
            changed = change_site(
                connection,
                call.place.host,
                SiteOptions(**body.model_dump()),
                edge_addresses(connection, call.desk.edge_bind),
                author=call.author,
                now_micros=call.now_micros,
                seen=seen,
            )
            draft = find_draft(connection, changed.site_id)
    except SiteMoved as moved:
        theirs = of_site(moved.theirs, has_draft=False)
        more = {"yours": body.model_dump(exclude_none=True), "current": theirs.document.model_dump(mode="json")}
        raise Problem(Code.MOVED_ON, headers=theirs.headers, more=more) from None
    return of_site(changed, has_draft=draft is not None)


def get_publisher(call: Call, asked: Nothing) -> Answer:
    """The publisher whose token it is."""
    with call.desk.database.read() as connection:
        known = read_publisher(connection, call.publisher_id)
    return Answer(_of_publisher(known), headers={"etag": f'"{publisher_mark(known)}"'})


def change_publisher_settings(call: Call, asked: Nothing, body: PublisherChange) -> Answer:
    """Change what statements say of the publisher, or where the operator writes to."""
    seen = call.seen
    try:
        with call.desk.database.write() as connection:
            known = read_publisher(connection, call.publisher_id)
            change_publisher(
                connection,
                call.publisher_id,
                known.name if body.name is None else body.name,
                known.email if body.email is None else body.email,
                author=call.author,
                now_micros=call.now_micros,
                seen=seen,
                letterhead=body.letterhead,
            )
    except PublisherMoved as moved:
        theirs = _of_publisher(moved.theirs).model_dump(mode="json")
        raise Problem(
            Code.MOVED_ON,
            headers={"etag": f'"{publisher_mark(moved.theirs)}"'},
            more={"yours": body.model_dump(exclude_none=True), "current": theirs},
        ) from None
    return get_publisher(call, asked)


def _of_publisher(known: Publisher) -> PublisherShown:
    return PublisherShown(name=known.name, letterhead=known.letterhead, email=known.email)


def list_signals(call: Call, asked: Nothing) -> SignalList:
    """What a site tells crawlers before they crawl: every document as the live rules make it."""
    edition, desk = edition_of(call.desk.database, call.place.site_id), call.desk
    draft = edition.draft.rules if edition.draft else None
    now = call.now_micros / 1_000_000
    screen = signals_screen(call.place, edition.live_rules, draft, desk.crawlers, desk.operator, now, None)
    return SignalList(
        published=screen.is_published,
        signals=tuple(
            SignalShown(signal=one.signal, on=one.is_on, path=one.path, text=one.text, draft=one.draft)
            for one in screen.signals
        ),
        remarks=screen.remarks,
    )


def put_signal(call: Call, asked: Nothing, body: SignalSwitch) -> Done:
    """Publish one signal from now on, or no longer."""
    try:
        signal = Signal(call.text("signal"))
    except ValueError:
        raise Problem(Code.NOT_FOUND) from None
    with call.desk.database.write() as connection:
        changed = switch_signal(
            connection, call.place, signal, on=body.on, author=call.author, now_micros=call.now_micros
        )
    return Done(changed=changed)
