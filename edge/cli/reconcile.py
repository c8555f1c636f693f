"""``farebox reconcile``: a crawler's own receipt log against the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.key_sets import read_key_set
from edge.cli.terminal import JsonFlag, PartlyDone, WrongUsage, say
from edge.cli.times import read_month, read_time
from edge.cli.workplace import opened, settings_here
from edge.core.reconcile import Period, Reconciliation
from edge.store.crawler_charges import crawler_entries, finder
from edge.store.crawlers import find_crawler
from edge.store.database import now_micros
from edge.store.service_keys import load_service_keys


def reconcile(
    log: Annotated[Path, typer.Argument(help="The crawler's log: JSON Lines, CSV, or a signed receipt a line.")],
    crawler: Annotated[str, typer.Option("--crawler", help="Whose log it is.")],
    month: Annotated[str | None, typer.Option(help="Only charges of this month (UTC), such as 2026-11.")] = None,
    since: Annotated[str | None, typer.Option(help="Only charges from then on: 2026-11-01 or 7d.")] = None,
    until: Annotated[str | None, typer.Option(help="Only charges before then.")] = None,
    keys: Annotated[str | None, typer.Option(help="Check receipts with this published key set, a file or URL.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="How many differences are printed; --json prints all.")] = 100,
    as_json: JsonFlag = False,
) -> None:
    """Hold a crawler's receipt log against the ledger, charge by charge. Exit code 3 when they differ.

    What a charge comes to now counts: one that was given back since, or lies in suspense, is nothing.
    """
    from edge.client.reconciling import differences, show  # loads progress bars: not for other commands

    period = _period(month, since, until)
    settings = settings_here()
    with opened(settings) as database, database.read() as connection:
        # Behind the database: where there is none, no key file is made either.
        known = read_key_set(keys) if keys is not None else load_service_keys(settings.data_dir).by_thumbprint
        payer = find_crawler(connection, crawler).crawler_id
        work = Reconciliation(period, finder(connection, payer))
        books = crawler_entries(connection, payer, period.since_micros)
        show(work, differences(work, log, known, books), say, as_json=as_json, limit=limit)
    if not work.agrees:
        raise PartlyDone(f"the log and the ledger differ in {sum(work.kinds.values())} places")


def _period(month: str | None, since: str | None, until: str | None) -> Period:
    if month is None:
        now = now_micros()
        return Period(read_time(since, now, "--since"), read_time(until, now, "--until"))
    if since is not None or until is not None:
        raise WrongUsage("--month is a whole month; give it, or --since and --until, not both")
    whole = read_month(month)
    return Period(whole.start_micros, whole.end_micros)
