"""What a site publishes of its rules, as it is now, as the draft would have it, and beside what its own server says."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from edge.core.identity import ClaimedCrawler
from edge.core.rule_index import RuleIndex, compile_rules
from edge.core.rules import RuleSet
from edge.core.signals.page_fields import page_fields
from edge.core.signals.price_list import VALID_SECONDS, PriceList, price_list_claims, public_rules
from edge.core.signals.published import HELP_PAGE, PATHS, PRICES_PAGE, VERIFY_PAGE, Signal
from edge.core.signals.robots import parse_robots
from edge.core.signals.robots_merge import Contradiction, contradictions, merge_robots
from edge.core.signals.rsl import rsl_document
from edge.core.signals.scopes import Projection, project
from edge.core.signals.tdmrep import tdmrep_document
from edge.store.sites import Site
from publisher_dashboard.own_documents import Served

LINES_SHOWN = 400


@dataclass(frozen=True, slots=True)
class Kind:
    """What one signal is, in words: its name, what it does, who is known to read it."""

    name: str
    does: str
    read_by: str


KINDS: Mapping[Signal, Kind] = {
    Signal.PRICES: Kind(
        "Signed price list",
        "Every price a crawler can meet here, in one file that it can check and plan with before it asks for a page.",
        "Crawlers that use farebox’s library; anybody who wants to know what your pages cost.",
    ),
    Signal.RSL: Kind(
        "Licence (RSL 1.0)",
        "Says in the words of Really Simple Licensing which uses are free, which are sold, and which are not allowed.",
        "The RSL Collective’s members and the networks that work with it.",
    ),
    Signal.ROBOTS: Kind(
        "Additions to robots.txt",
        "Your own robots.txt stays as it is; added are what is blocked here, your content signals and the licence.",
        "Nearly every crawler reads robots.txt; most of the large ones follow what it disallows.",
    ),
    Signal.TDMREP: Kind(
        "Reservation of text and data mining",
        "Reserves your rights where training is not free: the machine-readable form that EU law asks for (TDMRep).",
        "European publishers’ associations recommend it; who trains models in the EU has to look for it.",
    ),
    Signal.HEADERS: Kind(
        "Fields with every page",
        "Sends the licence’s address and your preference (AIPREF) with each page, so that a copy of it still says so.",
        "A standard in the making at the IETF; few read it yet.",
    ),
}


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of the difference between the site's own document and ours: ``+``, ``-``, ``@`` or a space."""

    sign: str
    text: str


@dataclass(frozen=True, slots=True)
class SignalView:
    """One signal. ``text`` is what is published now, or would be; ``draft`` what the draft would say, where that
    differs; ``served`` and ``diff`` are there when the site's own server was asked."""

    signal: Signal
    kind: Kind
    path: str | None
    is_on: bool
    text: str
    draft: str | None
    served: Served | None
    diff: tuple[DiffLine, ...]

    @property
    def hides(self) -> bool:
        """Whether the site has a document of its own there that ours stands in front of, or would."""
        return self.signal is not Signal.ROBOTS and self.served is not None and self.served.is_there


@dataclass(frozen=True, slots=True)
class SignalsScreen:
    """All signals of a site. ``remarks`` are what patterns cannot say; ``conflicts`` need the site's robots.txt;
    ``pages`` are the addresses and names of what strangers can read on the site."""

    host: str
    is_published: bool
    signals: tuple[SignalView, ...]
    remarks: tuple[str, ...]
    conflicts: tuple[Contradiction, ...]
    was_asked: bool
    pages: tuple[tuple[str, str], ...]


def signals_screen(
    site: Site,
    live: RuleSet,
    draft: RuleSet | None,
    crawlers: tuple[ClaimedCrawler, ...],
    issuer: str,
    now: float,
    served_at: Callable[[str], Served] | None,
) -> SignalsScreen:
    """Make the screen; ``served_at`` asks the site's own server for an address, None does not ask."""
    case_sensitive = site.case_sensitive_paths
    served = {} if served_at is None else {signal: served_at(path) for signal, path in PATHS.items()}
    robots = served.get(Signal.ROBOTS)
    own_robots = robots.text if robots is not None and robots.is_there else ""
    index = compile_rules(live, case_sensitive=case_sensitive)
    projection = project(index)
    texts = _texts(site, index, projection, crawlers, issuer, now, own_robots)
    drafted: Mapping[Signal, str] = {}
    if draft is not None:
        changed = compile_rules(draft, case_sensitive=case_sensitive)
        drafted = _texts(site, changed, project(changed), crawlers, issuer, now, own_robots)
    return SignalsScreen(
        site.host,
        site.live_version is not None,
        tuple(_view(site, signal, texts, drafted, served.get(signal)) for signal in KINDS),
        projection.remarks,
        contradictions(parse_robots(own_robots), index, crawlers) if own_robots else (),
        served_at is not None,
        _pages(site),
    )


def _pages(site: Site) -> tuple[tuple[str, str], ...]:
    """The edge's pages for people on this site."""
    base = f"{site.scheme or 'https'}://{site.host}"
    prices = [(base + PRICES_PAGE, "What pages cost")] if Signal.PRICES in site.signals else []
    return (*prices, (base + HELP_PAGE, "What a 402 means, and how to pay"), (base + VERIFY_PAGE, "Check a receipt"))


def _view(
    site: Site, signal: Signal, texts: Mapping[Signal, str], drafted: Mapping[Signal, str], served: Served | None
) -> SignalView:
    text, draft = texts[signal], drafted.get(signal)
    own = served.text if served is not None and served.is_there else ""
    diff = _diff(own, text) if served is not None and served.is_there else ()
    is_new = draft is not None and draft != text
    return SignalView(
        signal, KINDS[signal], PATHS.get(signal), signal in site.signals, text, draft if is_new else None, served, diff
    )


def _texts(
    site: Site,
    rules: RuleIndex,
    projection: Projection,
    crawlers: tuple[ClaimedCrawler, ...],
    issuer: str,
    now: float,
    own_robots: str,
) -> Mapping[Signal, str]:
    base = f"{site.scheme or 'https'}://{site.host}"
    fields = page_fields(base, projection, Signal.RSL in site.signals)
    return {
        Signal.PRICES: _price_list(site, rules, crawlers, issuer, now),
        Signal.RSL: rsl_document(base, projection.scopes),
        Signal.ROBOTS: merge_robots(
            own_robots, base, rules, projection, crawlers, with_licence=Signal.RSL in site.signals
        ),
        Signal.TDMREP: tdmrep_document(base, projection),
        Signal.HEADERS: "".join(f"{name}: {value}\n" for name, value in fields),
    }


def _price_list(site: Site, rules: RuleIndex, crawlers: tuple[ClaimedCrawler, ...], issuer: str, now: float) -> str:
    """The list for anybody, without its signature: only the edge has the key."""
    known = {name.casefold() for one in crawlers for name in (one.name, one.operator) if name}
    issued = int(now)
    # No more is shown of a long list; the edge publishes it whole.
    shown = replace(rules.rule_set, rules=rules.rule_set.rules[:LINES_SHOWN])
    prices = PriceList(
        issuer=issuer,
        site=site.host,
        version=site.live_version or 0,
        issued_at=issued,
        expires_at=issued + VALID_SECONDS,
        currency=site.currency,
        case_sensitive=site.case_sensitive_paths,
        in_band_pricing=site.in_band_pricing,
        reader=None,
        rules=public_rules(shown, lambda name: name.casefold() in known),
        complete=len(shown.rules) == len(rules.rule_set.rules),
    )
    return json.dumps({**price_list_claims(prices), "jws": "…"}, indent=2, ensure_ascii=False) + "\n"


def _diff(own: str, ours: str) -> tuple[DiffLine, ...]:
    lines = list(
        difflib.unified_diff(own.splitlines()[:LINES_SHOWN], ours.splitlines()[:LINES_SHOWN], lineterm="", n=2)
    )
    return tuple(DiffLine(line[:1], line[1:] if line[:1] != "@" else line) for line in lines[2:])
