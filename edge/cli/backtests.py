"""``farebox backtest``: what a rules file would have done to the requests that were recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from edge.cli.rules import read_rules_file
from edge.cli.terminal import Column, JsonFlag, note, say, show_json, show_rows, time_text
from edge.cli.times import read_time
from edge.cli.workplace import opened, settings_here
from edge.core.backtest_result import Backtest, BandSum, Span, State, Takings
from edge.core.money import format_micros
from edge.store.backtests import run_backtest
from edge.store.database import now_micros
from edge.store.sites import find_site

_BANDS = (
    Column("", "band"),
    Column("REQUESTS", "requests", numeric=True),
    Column("FILE", "file", numeric=True),
    Column("LIVE", "live", numeric=True),
)
_CHANGES = (
    Column("FROM", "from"),
    Column("TO", "to"),
    Column("REQUESTS", "requests", numeric=True),
    Column("EARNED", "difference", numeric=True),
)
_TITLES = (("offered", "offered enough"), ("able", "able to pay"), ("unable", "not able to pay"))


def backtest(
    site: Annotated[str, typer.Option("--site", help="The site's host.")],
    rules: Annotated[Path, typer.Option("--rules", help="A rules file: TOML, or JSON when it ends in .json.")],
    since: Annotated[str, typer.Option(help="From then on: 2026-11-01, 2026-11-01T10:00Z or 7d.")] = "7d",
    until: Annotated[str | None, typer.Option(help="Before then.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Say what a rules file would have done to a site's recorded requests, beside what the live rules do."""
    now = now_micros()
    begin, end = read_time(since, now, "--since"), read_time(until, now, "--until")
    span = Span(begin or 0, now if end is None else end)
    with opened(settings_here()) as database:
        with database.read() as connection:
            found = find_site(connection, site)
        draft = read_rules_file(rules, found.currency)
        result = run_backtest(database, found.host, draft, span)
    if as_json:
        show_json(backtest_document(result))
    else:
        _print(result)


def backtest_document(result: Backtest) -> dict[str, Any]:
    """A result as plain values; amounts are integers of a millionth."""
    return {
        "since": time_text(result.span.since_micros),
        "until": time_text(result.span.until_micros),
        "currency": result.currency,
        "requests": result.requests,
        "recorded": result.rows,
        "changed": result.changed,
        "draft": _takings(result.draft),
        "live": _takings(result.live),
        "changes": [
            {
                "from": _state(one.before),
                "to": _state(one.after),
                "requests": one.requests,
                "difference_micros": one.difference_micros,
            }
            for one in result.transitions
        ],
        "rules": [
            {
                "name": one.name,
                "requests": {"draft": one.draft_requests, "live": one.live_requests},
                "earned_micros": {"draft": one.draft_micros, "live": one.live_micros},
            }
            for one in result.rules
        ],
        "warnings": [
            {"kind": one.caution.value, "requests": one.requests, "names": list(one.names)} for one in result.warnings
        ],
        "unsure": {"may_be_free": result.unsure.may_be_free, "rated": result.unsure.rated},
    }


def _takings(takings: Takings) -> dict[str, dict[str, int]]:
    def band(sum_: BandSum) -> dict[str, int]:
        return {"requests": sum_.requests, "amount_micros": sum_.amount_micros}

    return {name: band(getattr(takings, name)) for name, _ in _TITLES}


def _state(state: State) -> dict[str, Any]:
    return {"fate": state.fate.value, "price_micros": state.price_micros, "code": state.code}


def _print(result: Backtest) -> None:
    if not result.requests:
        say("no request of a crawler was recorded in that time")
        return
    sample = f", a sample of about 1 in {result.sample_of}" if result.sample_of > 1 else ""
    say(f"{result.requests} requests decided again ({result.rows} recorded{sample}); {result.changed} change\n")
    rows = [
        {
            "band": title,
            "requests": getattr(result.draft, name).requests,
            "file": f"{result.currency} {format_micros(getattr(result.draft, name).amount_micros)}",
            "live": f"{result.currency} {format_micros(getattr(result.live, name).amount_micros)}",
        }
        for name, title in _TITLES
    ]
    show_rows(rows, _BANDS, False, "")
    say("")
    changes = [
        {
            "from": _words(one.before),
            "to": _words(one.after),
            "requests": one.requests,
            "difference": _signed(one.difference_micros),
        }
        for one in result.transitions
    ]
    show_rows(changes, _CHANGES, False, "every request would be answered as it is now")
    for warned in result.warnings:
        about = f": {', '.join(warned.names)}" if warned.names else ""
        note(f"warning: {warned.caution.value}, {warned.requests} requests{about}")


def _words(state: State) -> str:
    price = "" if state.price_micros is None else f" {format_micros(state.price_micros)}"
    return f"{state.code or state.fate.value}{price}"


def _signed(micros: int) -> str:
    return f"{'-' if micros < 0 else ''}{format_micros(abs(micros))}"
