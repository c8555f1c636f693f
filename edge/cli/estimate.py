"""``farebox estimate``: what the requests of an access log would have met and earned under a rules file.

No database is asked and nothing is kept: the logs are read once, as a stream.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from edge.cli.rules import read_rules_file
from edge.cli.terminal import Column, CommandFailed, JsonFlag, counted, note, say, show_json, show_rows, time_text
from edge.cli.workplace import settings_here
from edge.core.access_log import LogFormat
from edge.core.log_result import SPAN_SECONDS_MIN, LogEstimate, result_of, to_document
from edge.core.money import format_micros
from edge.core.rule_index import compile_rules
from edge.store.site_values import read_currency, read_host

CHUNK_BYTES = 256 * 1024
STANDARD_INPUT = Path("-")
UNNAMED = "(no name)"

_COLUMNS = (
    Column("CRAWLER", "crawler"),
    Column("KIND", "kind"),
    Column("REQUESTS", "requests", numeric=True),
    Column("FREE", "free", numeric=True),
    Column("PRICED", "priced", numeric=True),
    Column("BLOCKED", "blocked", numeric=True),
    Column("WORTH", "worth", numeric=True),
    Column("A MONTH", "month", numeric=True),
)

Progress = Callable[[int], None]


def estimate(
    logs: Annotated[list[Path], typer.Argument(help="Access logs, plain or packed with gzip; - is standard input.")],
    rules: Annotated[Path, typer.Option("--rules", help="The rules file, TOML or JSON.")],
    log_format: Annotated[
        LogFormat, typer.Option("--format", help="How the logs are written; auto finds out.")
    ] = LogFormat.AUTO,
    host: Annotated[str | None, typer.Option(help="Only lines of this host, where the logs name hosts.")] = None,
    currency: Annotated[str, typer.Option(help="The currency of the rules' prices.")] = "USD",
    as_json: JsonFlag = False,
) -> None:
    """Say what the requests of access logs would have met and earned under these rules. Nothing is kept of them."""
    money = read_currency(currency)
    rule_set = read_rules_file(rules, money)
    found = _estimate(logs, compile_rules(rule_set), log_format, read_host(host) if host else None, money)
    if as_json:
        show_json({**to_document(found), "worth_month_micros": found.per_month(found.worth_micros)})
    else:
        _print(found)


def _estimate(logs: Sequence[Path], rules: Any, log_format: LogFormat, host: str | None, currency: str) -> LogEstimate:
    # Thousands of patterns and ranges: no other command waits for them to load.
    from edge.core.address_book import AddressBook, FeedCopy, load_seed
    from edge.core.log_estimate import Estimator, estimated_site
    from edge.core.log_reading import Readings, UnreadableLog, read_log
    from edge.proxy.own_catalogue import load_own_catalogue

    own = load_own_catalogue(settings_here().catalogue_file)
    book = AddressBook(own.sources().feeds, [FeedCopy(seed.url, seed.ranges) for seed in load_seed()])
    site = estimated_site(rules, currency, host or "log.example")
    work = Estimator(site, own.catalogue().classify, book.weigh, own_host_only=host is not None)
    readings = Readings(log_format)
    with _bar(logs) as advance:
        for log in logs:
            try:
                for block in read_log(_chunks(log, advance), readings):
                    work.read(block)
            except UnreadableLog as why:
                raise CommandFailed(f"{log}: {why}") from why
            except OSError as why:
                raise CommandFailed(f"the log {log} cannot be read ({why.strerror}); check its path") from why
    return result_of(work.settle(), readings, site)


def _chunks(log: Path, advance: Progress) -> Iterator[bytes]:
    if log == STANDARD_INPUT:
        yield from _read(sys.stdin.buffer, advance)
        return
    with log.open("rb") as file:
        yield from _read(file, advance)


def _read(file: BinaryIO, advance: Progress) -> Iterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk
        advance(len(chunk))


@contextmanager
def _bar(logs: Sequence[Path]) -> Iterator[Progress]:
    """On a terminal, how much of the files has been read."""
    if not sys.stderr.isatty() or STANDARD_INPUT in logs:
        yield lambda more: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    size = sum(log.stat().st_size for log in logs if log.is_file())
    with Bar(BarColumn(), DownloadColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=size)
        yield lambda more: bar.advance(task, more)


def _print(found: LogEstimate) -> None:
    _print_span(found)
    if not found.whole.requests:
        return
    say("")
    _print_worth(found)
    say("")
    show_rows([_row(one.name or UNNAMED, one.kind, found, one.tally) for one in found.crawlers], _COLUMNS, False, "")
    if found.caveats:
        say("")
    for sentence in found.caveats:
        say(f"- {sentence}")


def _print_span(found: LogEstimate) -> None:
    since, until = (None if at is None else time_text(at * 1_000_000) for at in (found.first_second, found.last_second))
    say(f"{found.requests:,} requests from {since or '-'} to {until or '-'}, read as {found.format}")
    say(f"{found.people:,} of people, {found.whole.requests:,} of bots")
    if found.other_hosts:
        say(f"{found.other_hosts:,} more of other hosts were left out")
    if found.bad_lines:
        note(f"{counted(found.bad_lines, 'line')} could not be read, such as:")
        for line in found.bad_samples:
            note(f"  {line}")


def _print_worth(found: LogEstimate) -> None:
    bands = found.bands
    say(f"worth of the priced pages, if all were paid: {_amount(found, found.worth_micros)}")
    rows = (
        ("offered enough", bands.offered.amount_micros),
        ("signed, but no offer that covers it", bands.signed.amount_micros),
        ("unsigned", bands.unsigned.amount_micros),
        ("  of that, from an address its operator publishes", bands.proved.amount_micros),
    )
    for words, micros in rows:
        say(f"  {words}: {_amount(found, micros)}")
    month = found.per_month(found.worth_micros)
    if month is not None:
        say(f"at this pace, in 30 days: {_amount(found, month)}")
    else:
        say(f"less than {SPAN_SECONDS_MIN // 60} minutes of log say nothing of a month")


def _row(name: str, kind: str, found: LogEstimate, tally: Any) -> dict[str, Any]:
    worth = tally.worth_micros
    month = found.per_month(worth)
    return {
        "crawler": name,
        "kind": kind,
        "requests": tally.requests,
        "free": tally.free,
        "priced": tally.asked + tally.watched,
        "blocked": tally.blocked,
        "worth": format_micros(worth),
        "month": None if month is None else format_micros(month),
    }


def _amount(found: LogEstimate, micros: int) -> str:
    return f"{found.currency} {format_micros(micros)}"
