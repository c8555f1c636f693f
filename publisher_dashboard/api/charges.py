"""Charges: the list with the sum of exactly what it lists, one of them with its entries."""

from __future__ import annotations

from datetime import datetime

from edge.store.charge_story import charge_entries
from edge.store.charge_sums import sum_charges
from edge.store.crawlers import list_crawlers
from edge.store.entries import ChargeFilter, ChargePage, ChargeView, charge_by_id, list_charges
from edge.store.sites import list_sites
from publisher_dashboard.api.days import Days
from publisher_dashboard.api.operations import Call
from publisher_dashboard.api.problems import Code, Problem
from publisher_dashboard.api.values import Amount, Cursor, Model, Nothing, amount, time_of
from publisher_dashboard.charge_pages import CURSOR, NOBODY, credited
from publisher_dashboard.rendering import at


class ChargeQuestion(Days):
    """What the list is narrowed to. A token that is limited to sites has to name one."""

    site: str | None = None
    crawler: str | None = None
    rule: str | None = None
    after: Cursor | None = None


class ChargeShown(Model):
    """One charge. ``state`` is its phase; ``credited`` what credit notes gave back of its price.

    ``free_because`` is the term that made it free; ``delivery`` what is known.
    """

    id: str
    attempt: int
    state: str
    price: Amount
    credited: Amount
    site: str | None
    target: str
    crawler: str | None
    rule: str
    rule_version: int
    licence: str | None
    offer: str
    delivery: str | None
    free_because: str | None
    charged_at: datetime
    paid_at: datetime | None
    given_back_at: datetime | None
    reason: str | None
    request_id: str


class ChargeSumShown(Model):
    """What the charges of the filter come to in one currency; ``earned`` is without what credit notes gave back."""

    earned: Amount
    credited: Amount
    pages: int
    given_back: int
    in_suspense: int
    free: int


class ChargeList(Model):
    """One page of the list; ``sums`` are of everything that fits, not of this page."""

    data: tuple[ChargeShown, ...]
    sums: tuple[ChargeSumShown, ...]
    next: str | None


class EntryShown(Model):
    """One entry of the books that this charge wrote."""

    at: datetime
    kind: str
    amount: Amount
    reason: str | None
    author: str | None


class ChargeTold(Model):
    """One charge with all its entries; ``credited`` is what credit notes gave back of it."""

    charge: ChargeShown
    credited: Amount
    entries: tuple[EntryShown, ...]


def list_own_charges(call: Call, asked: ChargeQuestion) -> ChargeList:
    """Pages that were sold, the newest first, with the sum of exactly what the filter lists."""
    narrowed = _narrow(call, asked)
    if asked.after is not None and CURSOR.fullmatch(asked.after) is None:
        raise Problem(Code.INVALID, fields={"after": "Send the `next` of the page before."})
    unknown = NOBODY in (narrowed.site_id, narrowed.crawler_id)
    with call.desk.database.read() as connection:
        page = ChargePage((), None) if unknown else list_charges(connection, narrowed, asked.after)
        sums = [] if unknown else sum_charges(connection, narrowed)
    return ChargeList(
        data=tuple(shown(charge) for charge in page.charges),
        sums=tuple(
            ChargeSumShown(
                earned=amount(one.amount_micros, one.currency),
                credited=amount(one.credited_micros, one.currency),
                pages=one.pages,
                given_back=one.given_back,
                in_suspense=one.in_suspense,
                free=one.free,
            )
            for one in sums
        ),
        next=page.next_cursor,
    )


def get_charge(call: Call, asked: Nothing) -> ChargeTold:
    """One charge and every entry that it wrote."""
    return told(call, find_own_charge(call))


def told(call: Call, charge: ChargeView) -> ChargeTold:
    """A charge with its entries."""
    with call.desk.database.read() as connection:
        entries = charge_entries(connection, charge.charge_id)
    return ChargeTold(
        charge=shown(charge),
        credited=amount(credited(entries), charge.amount.currency),
        entries=tuple(
            EntryShown(
                at=at(one.recorded_at_micros),
                kind=str(one.kind),
                amount=amount(one.amount_micros, one.currency),
                reason=one.reason,
                author=one.author,
            )
            for one in entries
        ),
    )


def find_own_charge(call: Call) -> ChargeView:
    """The charge of the address, if it is the publisher's and at a site that the token is for. Raises ``Problem``."""
    own = frozenset({call.publisher_id})
    with call.desk.database.read() as connection:
        found = charge_by_id(connection, call.text("charge_id"), publisher_ids=own)
    if found is None or not call.token.covers(found.site or ""):
        raise Problem(Code.NOT_FOUND)
    return found


def shown(charge: ChargeView) -> ChargeShown:
    """A charge as the API writes it."""
    return ChargeShown(
        id=charge.charge_id,
        attempt=charge.attempt,
        state=charge.state.value,
        price=amount(charge.amount.amount_micros, charge.amount.currency),
        credited=amount(charge.credited_micros, charge.amount.currency),
        site=charge.site,
        target=charge.target,
        crawler=charge.crawler,
        rule=charge.rule,
        rule_version=charge.rule_version,
        licence=charge.licence,
        offer=charge.offer,
        delivery=charge.delivery.value if charge.delivery is not None else None,
        free_because=charge.grant,
        charged_at=at(charge.opened_at_micros),
        paid_at=time_of(charge.paid_at_micros),
        given_back_at=time_of(charge.reversed_at_micros),
        reason=charge.reason,
        request_id=charge.request_id,
    )


def _narrow(call: Call, asked: ChargeQuestion) -> ChargeFilter:
    """Read the filter. An unknown site or crawler matches nothing, rather than everything."""
    if call.token.hosts and (asked.site is None or not call.token.covers(asked.site)):
        raise Problem(Code.TOKEN_OF_SITES, "This token is limited to sites; name one of them in `site`.")
    since, until = asked.bounds()
    with call.desk.database.read() as connection:
        hosts = {one.host: one.site_id for one in list_sites(connection, call.publisher_id, with_removed=True)}
        crawlers = {one.name: one.crawler_id for one in list_crawlers(connection)}
    return ChargeFilter(
        publisher_ids=frozenset({call.publisher_id}),
        site_id=None if asked.site is None else hosts.get(asked.site, NOBODY),
        crawler_id=None if asked.crawler is None else crawlers.get(asked.crawler, NOBODY),
        since_micros=since,
        until_micros=until,
        rule=asked.rule,
    )
