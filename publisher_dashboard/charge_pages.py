"""Charges for whoever may see them: narrowed by what stands in the address, as a table, a sum, a file, or one of them.

Rules of this file
- The caller says how far one may see (``Reach``), out of the visit; what is not in reach does not exist.
- A crawler's team reads what a publisher reads of the same charge, but not who of its people did what.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode

from starlette.responses import Response

from edge.core.grants import grant_words
from edge.core.ledger import Entry, EntryKind
from edge.core.ledger_state import Phase
from edge.core.money import format_micros
from edge.core.report_files import safe_cell
from edge.core.rules import RuleSet
from edge.store.charge_story import account_parties, charge_entries
from edge.store.charge_sums import sum_charges
from edge.store.crawlers import list_crawlers
from edge.store.entries import (
    ChargeFilter,
    ChargePage,
    ChargeView,
    Evidence,
    charge_by_id,
    list_charges,
    stream_charges,
)
from edge.store.rulesets import live_version
from edge.store.sites import Site, list_sites
from publisher_dashboard.auth import NOT_HERE, Turned
from publisher_dashboard.csv_stream import csv_answer
from publisher_dashboard.day_range import read_days
from publisher_dashboard.rendering import at
from publisher_dashboard.sample import is_sample
from publisher_dashboard.visit import Visit

STATES: Mapping[Phase, str] = {
    Phase.LIVE: "paid",
    Phase.HELD: "under way",
    Phase.SUSPENDED: "in suspense",
    Phase.VOIDED: "not completed",
    Phase.REVERSED: "given back",
    Phase.REDELIVERED: "given back, fetched again",
    Phase.CREDITED: "credit",
    Phase.RECORDED: "recorded",
}
DELIVERIES: Mapping[Evidence, str] = {
    Evidence.DELIVERED: "The page is known to have arrived.",
    Evidence.UNCONFIRMED: "The delivery is not confirmed.",
    Evidence.BROKEN: "The connection broke before the whole page had arrived.",
}
CSV_COLUMNS = (
    "charged_at", "charge_id", "state", "site", "target", "crawler", "rule", "rule_version", "licence", "offer",
    "currency", "price", "earned", "earned_micros", "request_id", "credited_micros",
)  # fmt: skip
CURSOR = re.compile(r"[0-9]{1,18}-[0-9]{1,9}-[0-9]{1,18}")
NOBODY = -1
"""The number of a site or crawler that is not there: it matches nothing, rather than everything."""
_RULES_OFFERED_MAX = 500
_SITES_READ_MAX = 50
_FILTERS = ("site", "crawler", "rule", "from", "to")


@dataclass(frozen=True, slots=True)
class Reach:
    """Whose charges: ``path`` is where the list stands; a publisher's, a crawler's, or with neither everybody's."""

    path: str
    publisher_id: int | None = None
    crawler_id: int | None = None
    may_export: bool = True
    may_refund: bool = False

    @property
    def publisher_ids(self) -> frozenset[int] | None:
        """The publishers in reach; None for all."""
        return None if self.publisher_id is None else frozenset({self.publisher_id})

    @property
    def side(self) -> str:
        """``publisher``, ``crawler`` or ``operator``."""
        return "publisher" if self.publisher_id is not None else "operator" if self.crawler_id is None else "crawler"


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What the address narrows the list to: the filter, what was typed, and what of it makes no sense."""

    filter: ChargeFilter
    form: Mapping[str, str]
    errors: Mapping[str, str]

    @property
    def query(self) -> str:
        """The same narrowing as a query string, without empty parts."""
        return urlencode({name: value for name, value in self.form.items() if value})


def show_list(visit: Visit, reach: Reach) -> Response:
    """The table, its sum, and the way to the next page."""
    narrowing, sites, crawlers = _narrow(visit, reach)
    cursor = visit.query("after") if CURSOR.fullmatch(visit.query("after")) else None
    # Of a site or crawler that is not known there is nothing, and nothing needs to be read to know that.
    unknown = NOBODY in (narrowing.filter.site_id, narrowing.filter.crawler_id)
    with visit.desk.database.read() as connection:
        # With a day that is none nothing is listed or summed: it would look like the answer to another question.
        nothing = unknown or bool(narrowing.errors)
        page = ChargePage((), None) if nothing else list_charges(connection, narrowing.filter, cursor)
        sums = [] if narrowing.errors or unknown else sum_charges(connection, narrowing.filter)
        lives = [live_version(connection, one.site_id) for one in sites[:_SITES_READ_MAX]]
    path = reach.path
    following = urlencode({"after": page.next_cursor}) if page.next_cursor else ""
    query = narrowing.query
    return visit.render(
        "charges.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if narrowing.errors else HTTPStatus.OK,
        reach=reach,
        charges=page.charges,
        sums=sums,
        form=narrowing.form,
        errors=narrowing.errors,
        filters=query,
        states=STATES,
        site_options=[(one.host, one.host) for one in sites if not is_sample(one)],
        crawler_options=[(name, name) for name in crawlers],
        known_rules=_rule_names(live.rules for live in lives if live is not None),
        next_page=f"{path}?{'&'.join(part for part in (query, following) if part)}" if following else None,
        first_page=f"{path}{'?' if query else ''}{query}" if cursor else None,
    )


def find_charge(visit: Visit, reach: Reach) -> ChargeView:
    """The charge of the address, when it is in reach; raises ``Turned``."""
    with visit.desk.database.read() as connection:
        charge = charge_by_id(
            connection,
            str(visit.request.path_params["charge_id"]),
            publisher_ids=reach.publisher_ids,
            crawler_id=reach.crawler_id,
        )
    if charge is None:
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE)
    return charge


def show_charge(visit: Visit, reach: Reach) -> Response:
    """One charge: what was sold, in which state it is, what was given back of it, and its entries."""
    charge = find_charge(visit, reach)
    with visit.desk.database.read() as connection:
        entries = charge_entries(connection, charge.charge_id)
        parties = account_parties(connection, entries)
        sites = list_sites(connection, charge.publisher_id, with_removed=True)
    return visit.render(
        "charge.html",
        reach=reach,
        charge=charge,
        credited_micros=credited(entries),
        scheme=next((one.scheme for one in sites if one.host == charge.site and one.scheme), "https"),
        entries=entries,
        parties=parties,
        states=STATES,
        explanation=_explain(charge, reach),
        delivery=None if charge.delivery is None else DELIVERIES[charge.delivery],
    )


def credited(entries: Sequence[Entry]) -> int:
    """What credit notes gave back of a charge, less what debit notes took, in micro-units."""
    if not entries:
        return 0
    payer = entries[0].debit_account
    notes = [one for one in entries if one.kind == EntryKind.ADJUST]
    given = sum(one.amount_micros for one in notes if one.credit_account == payer)
    return given - sum(one.amount_micros for one in notes if one.debit_account == payer)


def download_list(visit: Visit, reach: Reach) -> Response:
    """Exactly the charges of this filter as CSV, written while it is read, so that its length does not matter."""
    narrowing, _, _ = _narrow(visit, reach)
    if narrowing.errors:
        raise Turned(HTTPStatus.UNPROCESSABLE_ENTITY, " ".join(narrowing.errors.values()))
    columns = [one.replace("earned", "spent") for one in CSV_COLUMNS] if reach.side == "crawler" else CSV_COLUMNS
    return csv_answer("charges.csv", columns, _csv_rows(visit, narrowing.filter))


def _narrow(visit: Visit, reach: Reach) -> tuple[Narrowing, list[Site], list[str]]:
    """Read the filter from the address. An unknown site or crawler matches nothing, rather than everything."""
    form = {name: visit.query(name) for name in _FILTERS}
    if reach.crawler_id is not None:
        form["crawler"] = ""  # there is one alone, whatever the address says
    with visit.desk.database.read() as connection:
        sites = list_sites(connection, reach.publisher_id, with_removed=True)
        crawlers = {one.name: one.crawler_id for one in list_crawlers(connection)}
    errors: dict[str, str] = {}
    since, until = read_days(form, errors)
    hosts = {one.host: one.site_id for one in sites}
    narrowed = ChargeFilter(
        publisher_ids=reach.publisher_ids,
        site_id=hosts.get(form["site"], NOBODY) if form["site"] else None,
        crawler_id=_crawler(reach, form["crawler"], crawlers),
        since_micros=since,
        until_micros=until,
        rule=form["rule"] or None,
    )
    return Narrowing(narrowed, form, errors), sites, list(crawlers)


def _crawler(reach: Reach, wanted: str, crawlers: Mapping[str, int]) -> int | None:
    """Whose charges; a crawler's team asks for its own whatever the address says."""
    if reach.crawler_id is not None:
        return reach.crawler_id
    return crawlers.get(wanted, NOBODY) if wanted else None


def _rule_names(lives: Iterable[RuleSet]) -> list[str]:
    """The rules that are live somewhere, to choose from; one that is gone can still be typed."""
    return sorted({rule.name for rules in lives for rule in rules}, key=str.casefold)[:_RULES_OFFERED_MAX]


def _csv_rows(visit: Visit, narrowed: ChargeFilter) -> Iterator[list[str | int]]:
    with visit.desk.database.read() as connection:
        for charge in stream_charges(connection, narrowed):
            yield _csv_row(charge)


def _csv_row(charge: ChargeView) -> list[str | int]:
    """One charge; ``earned`` is what of its price stands: the column sums to what the screen says."""
    earned = charge.earned_micros
    names = (charge.site, charge.target, charge.crawler, charge.rule)
    return [
        at(charge.opened_at_micros).isoformat(timespec="microseconds"),
        charge.charge_id,
        "free" if charge.grant is not None and charge.state is Phase.LIVE else STATES[charge.state],
        *(safe_cell(name or "") for name in names),
        charge.rule_version,
        safe_cell(charge.licence or ""),
        safe_cell(charge.offer),
        charge.amount.currency,
        format_micros(charge.amount.amount_micros),
        format_micros(earned),
        earned,
        safe_cell(charge.request_id),
        charge.credited_micros,
    ]


def _explain(charge: ChargeView, reach: Reach) -> str:
    if charge.grant is not None:
        came = DELIVERIES[charge.delivery] if charge.delivery is not None else ""
        given_back = charge.state is not Phase.LIVE
        return f"Free: {grant_words(charge.grant)}. {'Given back: it did not arrive.' if given_back else came}".strip()
    match charge.state:
        case Phase.LIVE:
            return f"Paid. {DELIVERIES[charge.delivery]}" if charge.delivery is not None else "Paid."
        case Phase.HELD:
            return "The price is set aside while the page is being delivered; it is earned when all has arrived."
        case Phase.VOIDED:
            return "The delivery was not completed, so nothing was charged."
        case Phase.REVERSED:
            by = f", by {charge.author}" if charge.author and reach.side != "crawler" else ""
            whose = "yours" if reach.side == "crawler" else "the crawler’s"
            return f"Given back{by}. The money is {whose} again."
        case Phase.REDELIVERED:
            return "Given back after a broken delivery; the crawler has since fetched the page for nothing."
        case Phase.SUSPENDED:
            if reach.side == "crawler":
                return (
                    "In suspense: nobody knows whether the page arrived. Fetch it again, for nothing more, with the "
                    "same signature. After a day the price comes back, unless the site keeps what nobody collects."
                )
            return (
                "In suspense: nobody knows whether the page arrived. The crawler can fetch it for nothing more, and "
                "then the money is yours. After a day it goes back, or is yours too, where the site keeps what nobody "
                "collects or the crawler left more pages unconfirmed than a day allows."
            )
        case Phase.CREDITED | Phase.RECORDED:
            return "A credit."
