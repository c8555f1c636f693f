"""``farebox site``: which hosts are served, and what stands behind each."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from edge.cli.nouns import noun
from edge.cli.rules import author
from edge.cli.terminal import Column, JsonFlag, WrongUsage, say, show_fields, show_json, show_rows, time_text
from edge.cli.workplace import edge_addresses, opened, reading, settings_here, writing
from edge.core.signals.published import Signal, read_signals_text, signals_text
from edge.store.database import now_micros
from edge.store.problems import UnknownName
from edge.store.publishers import find_publisher
from edge.store.site_claims import SiteClaim, list_claims, take_up_claim
from edge.store.site_settings import begin_site, change_site, pause_site
from edge.store.site_values import read_host
from edge.store.sites import Site, SiteOptions, list_sites

app = noun("Sites: which hosts are served, and what stands behind each.")

_COLUMNS = (
    Column("HOST", "host"),
    Column("PUBLISHER", "publisher"),
    Column("ORIGIN", "origin"),
    Column("CURRENCY", "currency"),
    Column("RULES", "live_version", numeric=True),
)

_WAITING_COLUMNS = (
    Column("HOST", "host"),
    Column("PUBLISHER", "publisher"),
    Column("ORIGIN", "origin"),
    Column("PROVED", "proved"),
    Column("ASKED BY", "asked_by"),
)

Host = Annotated[str, typer.Argument(help="The host that crawlers ask, such as news.example.")]
Currency = Annotated[str | None, typer.Option(help="Currency of every price of the site; USD for a new one.")]
Scheme = Annotated[
    str | None, typer.Option(help="What the public sees behind a TLS front: http or https; '' follows the connection.")
]
Strict = Annotated[
    bool | None, typer.Option("--strict/--no-strict", help="A paying signature must cover the whole address.")
]
InBand = Annotated[
    bool | None, typer.Option("--in-band-pricing/--no-in-band-pricing", help="The origin's crawler-price header rules.")
]
ErrorDetail = Annotated[
    bool | None, typer.Option("--error-detail/--no-error-detail", help="Tell crawlers which check failed.")
]
CaseSensitive = Annotated[
    bool | None, typer.Option("--case-sensitive/--case-insensitive", help="Whether rules tell /A from /a.")
]
Contact = Annotated[str | None, typer.Option(help="Whom refusals name; '' for nobody.")]
RegisterUrl = Annotated[
    str | None, typer.Option(help="A page of yours where crawlers register; '' for the edge's own.")
]
Signals = Annotated[
    str | None,
    typer.Option(help="What is published from the rules: any of prices, rsl, tdmrep, robots, headers; '' for nothing."),
]
KeepUnconfirmed = Annotated[
    bool | None,
    typer.Option(
        "--keep-unconfirmed/--reverse-unconfirmed",
        help="What becomes of money in suspense that nobody collects within a day; it goes back unless kept.",
    ),
]


@app.command(
    "add",
    epilog='Example: farebox site add news.example --publisher "Example News" --origin http://127.0.0.1:8000',
)
def add(
    host: Host,
    publisher: Annotated[str, typer.Option(help="The publisher that earns.")],
    origin: Annotated[str, typer.Option(help="The server behind it, such as http://127.0.0.1:8000.")],
    currency: Currency = None,
    scheme: Scheme = None,
    strict: Strict = None,
    in_band_pricing: InBand = None,
    error_detail: ErrorDetail = None,
    case_sensitive: CaseSensitive = None,
    contact: Contact = None,
    keep_unconfirmed: KeepUnconfirmed = None,
    register_url: RegisterUrl = None,
    signals: Signals = None,
    as_json: JsonFlag = False,
) -> None:
    """Serve a host from now on; until rules are published everything passes for nothing."""
    flags = (strict, in_band_pricing, error_detail, case_sensitive)
    options = SiteOptions(origin, currency, scheme, *flags, contact, keep_unconfirmed, register_url, _signals(signals))
    settings = settings_here()
    with opened(settings) as database, database.write() as connection:
        earns = find_publisher(connection, publisher)
        edge = edge_addresses(connection, settings)
        made = begin_site(connection, host, earns.publisher_id, options, edge, author=author(), now_micros=now_micros())
    if as_json:
        show_json(_row(made))
    else:
        say(f"serving {made.host} from {made.origin}; set prices with `farebox rules apply FILE --site {made.host}`")


@app.command("list", epilog="Example: farebox site list --json")
def list_all(
    publisher: Annotated[str | None, typer.Option(help="Only this publisher's.")] = None,
    with_removed: Annotated[bool, typer.Option("--removed", help="Removed ones too.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """List the sites."""
    with reading() as connection:
        publisher_id = find_publisher(connection, publisher).publisher_id if publisher else None
        rows = [_row(known) for known in list_sites(connection, publisher_id, with_removed=with_removed)]
    show_rows(rows, _COLUMNS, as_json, "no sites yet; add one with `farebox site add HOST --publisher P --origin URL`")


@app.command("set", epilog="Example: farebox site set news.example --origin http://127.0.0.1:9000 --strict")
def set_options(
    host: Host,
    origin: Annotated[str | None, typer.Option(help="The server behind it.")] = None,
    currency: Currency = None,
    scheme: Scheme = None,
    strict: Strict = None,
    in_band_pricing: InBand = None,
    error_detail: ErrorDetail = None,
    case_sensitive: CaseSensitive = None,
    contact: Contact = None,
    keep_unconfirmed: KeepUnconfirmed = None,
    register_url: RegisterUrl = None,
    signals: Signals = None,
    as_json: JsonFlag = False,
) -> None:
    """Change what is named; the edge follows within a second."""
    flags = (strict, in_band_pricing, error_detail, case_sensitive)
    options = SiteOptions(origin, currency, scheme, *flags, contact, keep_unconfirmed, register_url, _signals(signals))
    if options == SiteOptions():
        raise WrongUsage("nothing to set was named; `farebox site set --help` lists what can be")
    settings = settings_here()
    with opened(settings) as database, database.write() as connection:
        edge = edge_addresses(connection, settings)
        changed = change_site(connection, host, options, edge, author=author(), now_micros=now_micros())
    show_fields(_row(changed), as_json)


@app.command("waiting", epilog="Example: farebox site waiting --json")
def list_waiting(as_json: JsonFlag = False) -> None:
    """List the sites that publishers want served and that wait for you."""
    with reading() as connection:
        rows = [_waiting_row(claim) for claim in list_claims(connection)]
    show_rows(rows, _WAITING_COLUMNS, as_json, "no site waits")


@app.command("verify", epilog='Example: farebox site verify shop.example --publisher "Example News"')
def verify(
    host: Host,
    publisher: Annotated[str | None, typer.Option(help="Whose wish, where several want the same host.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Serve a site that waits. Look at its origin first: the edge fetches pages from there."""
    settings = settings_here()
    with opened(settings) as database, database.write() as connection:
        claim = _waiting(connection, host, publisher)
        edge = edge_addresses(connection, settings)
        made = take_up_claim(connection, claim, edge, author(), now_micros())
    if as_json:
        show_json(_row(made))
    else:
        proved = f"its domain was proved by {claim.proved_how}" if claim.proved_how else "its domain was not proved"
        say(f"serving {made.host} from {made.origin} for {made.publisher}; {proved}")


@app.command("remove", epilog="Example: farebox site remove news.example")
def remove(host: Host, as_json: JsonFlag = False) -> None:
    """Stop serving a host; its rules and its history stay."""
    with writing() as connection:
        removed = pause_site(connection, host, author=author(), now_micros=now_micros())
    if as_json:
        show_json(_row(removed))
    else:
        say(f"{removed.host} is no longer served; `farebox site add` takes it up again")


def _signals(text: str | None) -> frozenset[Signal] | None:
    if text is None:
        return None
    try:
        return read_signals_text(text)
    except ValueError as why:
        raise WrongUsage(f"{why}; --signals takes any of {', '.join(Signal)}") from why


def _waiting(connection: Connection, host: str, publisher: str | None) -> SiteClaim:
    """The one claim that is meant; raises ``WrongUsage`` and ``UnknownName``."""
    wanted = find_publisher(connection, publisher).publisher_id if publisher else None
    found = [one for one in list_claims(connection, wanted) if one.host == read_host(host)]
    if len(found) > 1:
        raise WrongUsage(f"{len(found)} publishers want {host}; say whose with --publisher")
    if not found:
        raise UnknownName(f"no site {host} waits; `farebox site waiting` lists those that do", "host")
    return found[0]


def _waiting_row(claim: SiteClaim) -> dict[str, Any]:
    return {
        "host": claim.host,
        "publisher": claim.publisher,
        "origin": claim.origin,
        "currency": claim.currency,
        "proved": claim.proved_how,
        "asked_by": claim.made_by,
        "asked_at": time_text(claim.made_at_micros),
    }


def _row(known: Site) -> dict[str, Any]:
    row = asdict(known)
    row["id"] = row.pop("site_id")
    row["signals"] = signals_text(known.signals)
    row["created_at"] = time_text(row.pop("created_at_micros"))
    return row
