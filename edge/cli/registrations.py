"""``farebox registration``: crawlers that ask to be registered, and what a person decides."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from edge.cli.nouns import noun
from edge.cli.rules import author
from edge.cli.terminal import (
    Column,
    JsonFlag,
    WrongUsage,
    note,
    say,
    show_fields,
    show_json,
    show_rows,
    time_text,
)
from edge.cli.workplace import opened, reading, settings_here, writing
from edge.core.catalogue import Catalogue
from edge.core.identity import CrawlerKind
from edge.core.money import InvalidPrice, Money, parse_price
from edge.core.plain_text import plain
from edge.core.registration import advice
from edge.store.accounts import Terms
from edge.store.database import now_micros
from edge.store.registrations import Approval, Registration, find_registration, list_registrations
from edge.store.registrations import approve as approve_registration
from edge.store.registrations import reject as reject_registration
from edge.store.site_values import read_currency

app = noun("Registrations: crawlers that ask to be registered, and what was decided.")

_COLUMNS = (
    Column("ID", "id", numeric=True),
    Column("ASKED", "asked_at"),
    Column("AGENT", "agent_url"),
    Column("NAME", "name"),
    Column("OPERATOR", "operator"),
    Column("KIND", "kind"),
    Column("CONTACT", "contact"),
    Column("STATE", "state"),
)

Number = Annotated[int, typer.Argument(metavar="ID", help="Its number in `farebox registration list`.")]


@app.command("list", epilog="Example: farebox registration list --all")
def list_all(
    all_: Annotated[bool, typer.Option("--all", help="Also what was decided.")] = False, as_json: JsonFlag = False
) -> None:
    """List the crawlers that wait for a decision, the oldest first."""
    with reading() as connection:
        rows = [_row(one) for one in list_registrations(connection, decided_too=all_)]
    show_rows(rows, _COLUMNS, as_json, "nobody waits to be registered")


@app.command("show", epilog="Example: farebox registration show 1")
def show(number: Number, as_json: JsonFlag = False) -> None:
    """Show one registration, and what to look at before it is approved."""
    with reading() as connection:
        found = find_registration(connection, number)
    show_fields(_row(found), as_json)
    if not as_json and found.state == "pending":
        note(advice(found.agent_url, found.name, Catalogue.load().classify(found.name)))


@app.command("approve", epilog="Example: farebox registration approve 1 --name ExampleBot")
def approve(
    number: Number,
    name: Annotated[str | None, typer.Option(help="Another name than it wishes for.")] = None,
    operator: Annotated[str | None, typer.Option(help="Who runs it, as rules shall name it; '' for nobody.")] = None,
    kind: Annotated[CrawlerKind | None, typer.Option(help="What it crawls for.")] = None,
    terms: Annotated[Terms, typer.Option(help="Pays from a balance, or up to a limit.")] = Terms.PREPAID,
    limit: Annotated[str | None, typer.Option(help="How far a postpaid account may go, such as 'USD 100'.")] = None,
    currency: Annotated[str | None, typer.Option(help="Of its account; USD unless the limit says otherwise.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why, in your words.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Register the crawler and open its account, empty; the edge knows it within a second."""
    most = _read_limit(limit)
    of = read_currency(currency or (most.currency if most else "USD"))
    settings = settings_here()
    approval = Approval(name, operator, kind, of, terms, most, allow_dev=settings.dev)
    with opened(settings) as database, database.write() as connection:
        done = approve_registration(
            connection, number, approval, author=author(), reason=reason, now_micros=now_micros()
        )
    called = name or done.name
    if as_json:
        show_json({**_row(done), "crawler": called})
    else:
        say(f"registered {called}; top it up with `farebox account credit {called!r} '{of} 10' --reference R`")


@app.command("reject", epilog='Example: farebox registration reject 2 --reason "the agent is not yours"')
def reject(
    number: Number,
    reason: Annotated[str, typer.Option(help="Why; the crawler's team may read it.")],
    as_json: JsonFlag = False,
) -> None:
    """Say no; it can still be approved later."""
    with writing() as connection:
        done = reject_registration(connection, number, author=author(), reason=reason, now_micros=now_micros())
    if as_json:
        show_json(_row(done))
    else:
        say(f"registration {number} is rejected: {done.reason}")


def _read_limit(text: str | None) -> Money | None:
    if text is None:
        return None
    try:
        return parse_price(text)
    except InvalidPrice as why:
        raise WrongUsage(f"--limit: {why}") from why


def _row(found: Registration) -> dict[str, Any]:
    return {
        "id": found.number,
        "agent_url": found.agent_url,
        "thumbprint": found.thumbprint,
        "name": found.name,
        "operator": plain(found.operator),
        "kind": found.kind.value,
        "contact": plain(found.contact),
        "site": found.host,
        "state": found.state,
        "asked_at": time_text(found.asked_at_micros),
        "asked_again_at": time_text(found.asked_again_at_micros),
        "decided_at": time_text(found.decided_at_micros),
        "decided_by": found.decided_by,
        "reason": found.reason,
        "crawler_id": found.crawler_id,
    }
