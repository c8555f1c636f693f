"""``farebox-crawl spent``, ``receipts`` and ``resolve``: the crawler's own books, looked at and brought in order."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterable
from contextlib import closing
from typing import Annotated

import orjson
import typer

from edge.client.advice import DONE, PARTLY_DONE
from edge.client.crawl_options import (
    DEFAULT_STORE,
    AgentOption,
    BadWords,
    JsonFlag,
    KeyOption,
    StoreOption,
    TokenFileOption,
    TokenHostOption,
    client_of,
    identity_of,
    policy_of,
    since_micros,
    store_at,
    wallet_at,
)
from edge.client.spend_log import log_lines
from edge.client.spend_rows import Purchase, State
from edge.core.jws import time_text
from edge.core.money import Money, money_document

FORMATS = ("table", "csv", "jsonl")
COLUMNS = ("charge_id", "charged_at", "url", "amount_micros", "currency", "state")
NOTHING_NEW = ["USD 0"]
"""What is resolved was reserved before; these commands make no offer of their own."""


def spent(
    since: Annotated[str | None, typer.Option("--since", help="2026-11-20, or 7d ago.")] = None,
    shape: Annotated[str, typer.Option("--format", help="table, csv or jsonl (a receipt log).")] = "table",
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonFlag = False,
) -> None:
    """Print what was bought: as a table with sums, or as a receipt log for reconcile."""
    if shape not in FORMATS:
        raise BadWords(f"--format is one of {', '.join(FORMATS)}")
    start = since_micros(since)
    with closing(store_at(store)) as books:
        if as_json or shape == "jsonl":
            for line in log_lines(books, start):
                typer.echo(line.decode(), nl=False)
            return
        if shape == "csv":
            typer.echo(_csv(orjson.loads(line) for line in log_lines(books, start)), nl=False)
            return
        bought = [one for one in books.purchases("made_micros >= ?", start) if one.state is not State.RELEASED]
    for purchase in bought:
        typer.echo(_line(purchase))
    for state, sums in _sums(bought).items():
        typer.echo(f"{state}: {', '.join(str(money) for money in sums)}")
    if not bought:
        typer.echo("nothing was bought")


def _csv(rows: Iterable[dict[str, object]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _line(purchase: Purchase) -> str:
    amount = purchase.charged or purchase.reserved
    at = time_text(purchase.ended_micros or purchase.made_micros)[:19]
    notes = [purchase.charge_id or "-"]
    if purchase.claimed is not None:
        notes.append(f"THE ANSWER CLAIMED {purchase.claimed}")
    if purchase.receipt_fault is not None:
        notes.append(purchase.receipt_fault)
    if purchase.state is State.LAPSED:
        notes.append(f"not known whether it was charged (number {purchase.id})")
    return f"{at}Z  {purchase.state:8}  {amount!s:>14}  {purchase.url}  {'; '.join(notes)}"


def _sums(purchases: Iterable[Purchase]) -> dict[str, list[Money]]:
    sums: dict[tuple[str, str], int] = {}
    for purchase in purchases:
        amount = purchase.charged or purchase.reserved
        at = (purchase.state.value, amount.currency)
        sums[at] = sums.get(at, 0) + amount.amount_micros
    found: dict[str, list[Money]] = {}
    for (state, currency), micros in sorted(sums.items()):
        found.setdefault(state, []).append(Money(micros, currency))
    return found


def receipts(
    key: KeyOption = None,
    agent: AgentOption = None,
    token_file: TokenFileOption = None,
    token_host: TokenHostOption = None,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonFlag = False,
) -> None:
    """Fetch and check the signed receipt of every charge that has none yet. Exit code 3 when one does not hold."""
    who = identity_of(key, agent, token_file, token_host)
    store_at(store).close()
    with wallet_at(store, who, policy_of(NOTHING_NEW)) as wallet, client_of(wallet, None) as client:
        problems = client.collect_receipts()
        kept = sum(1 for _ in wallet.store.purchases("receipt IS NOT NULL AND receipt_fault IS NULL"))
    if as_json:
        found = [{"url": one.url, "charge_id": one.charge_id, "says": one.says} for one in problems]
        typer.echo(orjson.dumps({"good": kept, "problems": found}, option=orjson.OPT_INDENT_2).decode())
    else:
        for problem in problems:
            typer.echo(f"{problem.charge_id or '-'}  {problem.url}: {problem.says}")
        typer.echo(f"{kept} receipts hold, {len(problems)} do not")
    raise typer.Exit(PARTLY_DONE if problems else DONE)


def resolve(
    key: KeyOption = None,
    agent: AgentOption = None,
    token_file: TokenFileOption = None,
    token_host: TokenHostOption = None,
    release: Annotated[
        list[int] | None, typer.Option("--release", help="Number of a lapsed purchase that was never charged.")
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonFlag = False,
) -> None:
    """Find out about purchases whose answer never came, with their own signed requests. Exit code 3 when some stay."""
    who = identity_of(key, agent, token_file, token_host)
    store_at(store).close()
    with wallet_at(store, who, policy_of(NOTHING_NEW)) as wallet, client_of(wallet, None) as client:
        for number in release or ():
            if not wallet.store.release_lapsed(number, time.time_ns() // 1_000):
                raise BadWords(f"{number} is not the number of a lapsed purchase; `farebox-crawl spent` lists them")
        results = client.resolve()
        left = wallet.in_doubt()
        lapsed = list(wallet.store.purchases("state = 'lapsed'"))
    if as_json:
        rows = [{"url": one.url, "says": one.says} for one in results]
        waiting = [
            {"number": one.id, "url": one.url, **money_document(one.reserved.amount_micros, one.reserved.currency)}
            for one in lapsed
        ]
        document = {"resolved": rows, "in_doubt": len(left), "lapsed": waiting}
        typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
    else:
        for result in results:
            typer.echo(f"{result.url}: {result.says.removeprefix(f'{result.url}: ')}")
        for one in lapsed:
            typer.echo(f"number {one.id}: {one.url}, {one.reserved}, counts as spent; look into the statement")
        typer.echo(f"{len(results)} asked again, {len(left)} still in doubt, {len(lapsed)} lapsed")
    raise typer.Exit(PARTLY_DONE if left or lapsed else DONE)
