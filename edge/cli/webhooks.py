"""``farebox webhook``: who is told when something happens, and what became of it."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from sqlalchemy import Connection

from edge.cli.nouns import noun
from edge.cli.terminal import (
    Column,
    CommandFailed,
    JsonFlag,
    WrongUsage,
    note,
    say,
    show_fields,
    show_json,
    show_rows,
    time_text,
)
from edge.cli.times import read_time
from edge.cli.workplace import opened, reading, settings_here, writing
from edge.core.webhook_signing import signed_headers
from edge.core.webhook_tries import Reply
from edge.core.webhooks import TEST_EVENT, event_body
from edge.settings import Settings
from edge.store.crawlers import find_crawler, list_crawlers
from edge.store.database import now_micros
from edge.store.outbox import new_event_id
from edge.store.problems import InvalidValue
from edge.store.publishers import find_publisher, list_publishers
from edge.store.service_keys import load_service_keys
from edge.store.webhook_deliveries import Delivery, list_deliveries, replay
from edge.store.webhook_endpoints import (
    OVERLAP_SECONDS,
    Endpoint,
    NewEndpoint,
    add_endpoint,
    enable_endpoint,
    find_endpoint,
    list_endpoints,
    remove_endpoint,
    rotate_secret,
    secrets_in_force,
)

app = noun("Webhooks: who is told when something happens, and what became of it.")

_COLUMNS = (
    Column("ID", "id", numeric=True),
    Column("OWNER", "owner"),
    Column("URL", "url"),
    Column("EVENTS", "events"),
    Column("STATE", "state"),
    Column("TROUBLE", "trouble"),
)
_DELIVERY_COLUMNS = (
    Column("EVENT", "id"),
    Column("WHAT", "event"),
    Column("SUBJECT", "subject"),
    Column("HAPPENED", "happened_at"),
    Column("STATE", "state"),
    Column("TRIES", "attempts", numeric=True),
    Column("NEXT", "next_try_at"),
    Column("TROUBLE", "trouble"),
)

Number = Annotated[int, typer.Argument(metavar="ID", help="The webhook's number in `farebox webhook list`.")]
Events = Annotated[
    list[str] | None, typer.Option("--event", help="What to hear of, once for each; else all that there is to hear.")
]


@app.command(
    "add", epilog='Example: farebox webhook add https://hooks.example/farebox --publisher "Example News" --json'
)
def add(
    url: Annotated[str, typer.Argument(help="Where events are posted to, over https.")],
    event: Events = None,
    publisher: Annotated[str | None, typer.Option(help="It hears of this publisher's matters alone.")] = None,
    crawler: Annotated[str | None, typer.Option(help="It hears of this crawler's matters alone.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Tell an address of events from now on; without an owner it is the operator's and hears of everything.

    Shows the secret that proves the messages, once.
    """
    if publisher is not None and crawler is not None:
        raise WrongUsage("a webhook is a publisher's or a crawler's, not both; leave one option out")
    settings = settings_here()
    with opened(settings) as database, database.write() as connection:
        new = NewEndpoint(
            url,
            tuple(event or ()),
            publisher_id=find_publisher(connection, publisher).publisher_id if publisher is not None else None,
            crawler_id=find_crawler(connection, crawler).crawler_id if crawler is not None else None,
            created_by=getpass.getuser(),
            allow_dev=settings.dev,
        )
        made, secret = add_endpoint(connection, new, load_service_keys(settings.data_dir), now_micros())
        _refuse_private(made.url)
        row = _rows(connection, [made])[0]
    _show_secret(row, secret, as_json, f"webhook {made.endpoint_id} hears of {', '.join(made.events)}")


@app.command("list", epilog="Example: farebox webhook list --json")
def list_all(as_json: JsonFlag = False) -> None:
    """List the webhooks, and how they do."""
    with reading() as connection:
        rows = _rows(connection, list_endpoints(connection))
    show_rows(rows, _COLUMNS, as_json, "no webhooks yet; add one with `farebox webhook add URL`")


@app.command("show", epilog="Example: farebox webhook show 1 --limit 20")
def show(
    number: Number,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many deliveries.")] = 20,
    as_json: JsonFlag = False,
) -> None:
    """Show a webhook and its deliveries, the newest events first."""
    with reading() as connection:
        row = _rows(connection, [find_endpoint(connection, number)])[0]
        deliveries = [_delivery_row(found) for found in list_deliveries(connection, number, limit)]
    if as_json:
        show_json({**row, "deliveries": deliveries})
        return
    show_fields(row, False)
    say("")
    show_rows(deliveries, _DELIVERY_COLUMNS, False, "nothing was sent to it yet; try `farebox webhook test`")


@app.command("remove", epilog="Example: farebox webhook remove 1")
def remove(number: Number, as_json: JsonFlag = False) -> None:
    """Send nothing more, and forget the webhook with its secrets and deliveries."""
    with writing() as connection:
        row = _rows(connection, [find_endpoint(connection, number)])[0]
        remove_endpoint(connection, number)
    _tell(row, as_json, f"webhook {number} is gone; {row['url']} is told nothing more")


@app.command("rotate", epilog="Example: farebox webhook rotate 1 --overlap-hours 48")
def rotate(
    number: Number,
    overlap_hours: Annotated[
        float, typer.Option(min=0, max=720, help="How long the secret before signs too.")
    ] = OVERLAP_SECONDS / 3600,
    as_json: JsonFlag = False,
) -> None:
    """Make a new secret and show it, once; messages carry signatures by both until the overlap ends."""
    settings = settings_here()
    with opened(settings) as database, database.write() as connection:
        keys = load_service_keys(settings.data_dir)
        secret = rotate_secret(connection, number, keys, now_micros(), int(overlap_hours * 3600))
        row = _rows(connection, [find_endpoint(connection, number)])[0]
    _show_secret(row, secret, as_json, f"webhook {number} has a new secret; the old one ends in {overlap_hours:g} h")


@app.command("enable", epilog="Example: farebox webhook enable 1")
def enable(number: Number, as_json: JsonFlag = False) -> None:
    """Take up a disabled webhook again; `farebox webhook replay` sends what was given up."""
    with writing() as connection:
        row = _rows(connection, [enable_endpoint(connection, number, now_micros())])[0]
    _tell(
        row, as_json, f"webhook {number} is active; `farebox webhook replay {number} --failed` sends what was given up"
    )


@app.command("replay", epilog="Example: farebox webhook replay 1 --since 2d --failed")
def send_again(
    number: Number,
    event: Annotated[list[str] | None, typer.Option("--event", help="An event's id, once for each.")] = None,
    since: Annotated[str | None, typer.Option(help="Events from then on: 2026-11-20, or 2d (ago).")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only what was given up.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Send events again, under their old ids, to a webhook that they were meant for."""
    if not event and since is None and not failed:
        raise WrongUsage("say what to send again: --event ID, --since TIME or --failed")
    now = now_micros()
    with writing() as connection:
        found = find_endpoint(connection, number)
        if found.state == "disabled":
            raise CommandFailed(f"webhook {number} is disabled; run `farebox webhook enable {number}` first")
        since_micros = read_time(since, now, "--since")
        count = replay(
            connection, number, now, event_ids=tuple(event or ()), since_micros=since_micros, only_failed=failed
        )
    events = "1 event goes" if count == 1 else f"{count} events go"
    _tell({"id": number, "replayed": count}, as_json, f"{events} to {found.url} again, as soon as an edge runs")


@app.command("test", epilog="Example: farebox webhook test 1")
def try_out(number: Number, as_json: JsonFlag = False) -> None:
    """Send a signed test message now, as the edge would, and say what came back."""
    settings = settings_here()
    now = now_micros()
    with opened(settings) as database, database.read() as connection:
        found = find_endpoint(connection, number)
        secrets = secrets_in_force(connection, number, load_service_keys(settings.data_dir), now)
    event_id = new_event_id(now)
    body = event_body(TEST_EVENT, f"webhook {number}", {"message": "It works."}, now)
    headers = signed_headers(secrets, event_id, body, now // 1_000_000)
    reply = asyncio.run(_send(settings, found.url, headers, body))
    if not reply.accepted:
        raise CommandFailed(f"{found.url} did not take it: {reply.trouble or f'it answered {reply.status}'}")
    _tell({"id": event_id, "status": reply.status}, as_json, f"{found.url} answered {reply.status} to {event_id}")


def _refuse_private(url: str) -> None:
    """Say at once what every try would say, where an address stands in the URL; names are judged when sent to."""
    from edge.proxy.address_guard import why_forbidden  # loads aiohttp: not for the other commands

    parts = urlsplit(url)
    try:
        address = str(ip_address(parts.hostname or ""))
    except ValueError:
        return
    reason = why_forbidden(address)
    if parts.scheme == "https" and reason is not None:
        raise InvalidValue(f"{address} is not a public address ({reason}); events are not sent there", "url")


async def _send(settings: Settings, url: str, headers: dict[str, str], body: str) -> Reply:
    from edge.proxy.webhook_sender import WebhookSender

    sender = WebhookSender(settings.webhook_seconds, allow_loopback_http=settings.dev)
    try:
        return await sender(url, headers, body)
    finally:
        await sender.close()


def _show_secret(row: dict[str, Any], secret: str, as_json: bool, sentence: str) -> None:
    if as_json:
        show_json({**row, "secret": secret})
        return
    say(sentence)
    say(f"secret: {secret}")
    note("this secret is shown once; the receiver verifies messages with it")


def _tell(row: dict[str, Any], as_json: bool, sentence: str) -> None:
    if as_json:
        show_json(row)
    else:
        say(sentence)


def _rows(connection: Connection, endpoints: Sequence[Endpoint]) -> list[dict[str, Any]]:
    publishers = {known.publisher_id: known.name for known in list_publishers(connection)}
    crawlers = {known.crawler_id: known.name for known in list_crawlers(connection)}
    return [
        {
            "id": known.endpoint_id,
            "audience": known.audience.value,
            "owner": publishers.get(known.publisher_id or 0) or crawlers.get(known.crawler_id or 0) or "operator",
            "url": known.url,
            "events": list(known.events),
            "state": known.state,
            "failing_since": time_text(known.failing_since_micros),
            "trouble": known.trouble,
            "created_by": known.created_by,
            "created_at": time_text(known.created_at_micros),
        }
        for known in endpoints
    ]


def _delivery_row(found: Delivery) -> dict[str, Any]:
    return {
        "id": found.event_id,
        "event": found.event,
        "subject": found.subject,
        "happened_at": time_text(found.at_micros),
        "state": found.state,
        "attempts": found.attempts,
        "next_try_at": time_text(found.due_at_micros) if found.state == "pending" else None,
        "tried_at": time_text(found.tried_at_micros),
        "status": found.status,
        "trouble": found.trouble,
    }
