"""``farebox subscription``: so many pages a month for a crawler, at a site or under a licence."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from edge.cli.nouns import noun
from edge.cli.rules import author
from edge.cli.terminal import Column, JsonFlag, WrongUsage, exact_time_text, say, show_json, show_rows, time_text
from edge.cli.workplace import opened, reading, settings_here
from edge.store.crawlers import find_crawler
from edge.store.database import now_micros
from edge.store.publishers import find_publisher
from edge.store.sites import find_site
from edge.store.subscriptions import (
    NewSubscription,
    SubscriptionView,
    begin_subscription,
    end_subscription,
    find_subscription,
    list_subscriptions,
)

app = noun("Subscriptions: so many pages a month for a crawler, then per page.")

_COLUMNS = (
    Column("#", "number", numeric=True),
    Column("CRAWLER", "crawler"),
    Column("FOR", "covers"),
    Column("PAGES A MONTH", "pages", numeric=True),
    Column("USED", "used", numeric=True),
    Column("SINCE", "since"),
    Column("UNTIL", "until"),
    Column("REFERENCE", "reference"),
)


@app.command("add", epilog="Example: farebox subscription add ExampleBot --pages 10000 --site news.example")
def add(
    name: Annotated[str, typer.Argument(help="The crawler's name.")],
    pages: Annotated[int, typer.Option(help="So many pages in each UTC month.")],
    site: Annotated[str | None, typer.Option(help="Only at this site.")] = None,
    licence: Annotated[str | None, typer.Option(help="Only what is sold under this licence.")] = None,
    publisher: Annotated[str | None, typer.Option(help="Whose pages, where no site says it.")] = None,
    reference: Annotated[str | None, typer.Option(help="How it is invoiced, outside of the books.")] = None,
    currency: Annotated[str, typer.Option(help="Of the crawler's account, where no site says it.")] = "USD",
    as_json: JsonFlag = False,
) -> None:
    """Begin a subscription. Its pages are free from now on; its fee is invoiced outside of the books."""
    if (site is None) == (publisher is None):
        raise WrongUsage("say --site HOST, or --publisher NAME with --licence WORD")
    if publisher is not None and licence is None:
        raise WrongUsage("a subscription of a publisher is for one --licence; for one site say --site HOST")
    with opened(settings_here()) as database:
        with database.read() as connection:
            new = _new(connection, name, pages, site, licence, publisher, reference, currency)
        number = begin_subscription(database, new, author=author())
        with database.read() as connection:
            view = find_subscription(connection, number, now_micros())
    if as_json:
        show_json(_row(view))
    else:
        say(f"subscription {number}: {view.crawler} has {pages} pages a month for {_covers(view)}, from now on")


@app.command("list", epilog="Example: farebox subscription list --crawler ExampleBot")
def show(
    crawler: Annotated[str | None, typer.Option(help="Only of this crawler.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List subscriptions, with what is used of this month."""
    with reading() as connection:
        of = None if crawler is None else find_crawler(connection, crawler).crawler_id
        rows = [
            _row(view) | ({} if as_json else _seconds(view))
            for view in list_subscriptions(connection, now_micros(), of)
        ]
    show_rows(rows, _COLUMNS, as_json, "no subscriptions")


@app.command("end", epilog="Example: farebox subscription end 3")
def end(number: Annotated[int, typer.Argument(help="The subscription's number.")], as_json: JsonFlag = False) -> None:
    """End a subscription now; what it granted stays."""
    with opened(settings_here()) as database:
        view = end_subscription(database, number, author=author())
    if as_json:
        show_json({"number": number, "ended": True})
    else:
        say(f"subscription {number} of {view.crawler} has ended; its pages have their price again")


def _new(
    connection: Connection,
    name: str,
    pages: int,
    host: str | None,
    licence: str | None,
    publisher: str | None,
    reference: str | None,
    currency: str,
) -> NewSubscription:
    crawler_id = find_crawler(connection, name).crawler_id
    if host is not None:
        at = find_site(connection, host)
        return NewSubscription(crawler_id, at.currency, at.publisher_id, at.site_id, licence, pages, reference)
    owner = find_publisher(connection, publisher or "").publisher_id
    return NewSubscription(crawler_id, currency, owner, None, licence, pages, reference)


def _covers(view: SubscriptionView) -> str:
    place = view.site or f"all sites of {view.publisher}"
    return place if view.terms.licence is None else f"{place}, licence {view.terms.licence}"


def _seconds(view: SubscriptionView) -> dict[str, str | None]:
    """Its times as every table shows them."""
    return {"since": time_text(view.terms.since_micros), "until": time_text(view.terms.until_micros)}


def _row(view: SubscriptionView) -> dict[str, Any]:
    terms = view.terms
    return {
        "number": terms.subscription_id,
        "crawler": view.crawler,
        "publisher": view.publisher,
        "site": view.site,
        "licence": terms.licence,
        "covers": _covers(view),
        "currency": view.currency,
        "pages": terms.pages,
        "used": view.used,
        "since": exact_time_text(terms.since_micros),
        "until": exact_time_text(terms.until_micros),
        "reference": view.reference,
        "set_by": view.set_by,
    }
