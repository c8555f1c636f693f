"""``farebox close``: a month that is over becomes what it is for ever."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
import typer

from edge.cli.reports import operator_party
from edge.cli.rules import author
from edge.cli.terminal import JsonFlag, counted, note, say, show_json, time_text
from edge.cli.times import read_month
from edge.cli.workplace import opened, settings_here
from edge.core.closing import digest_text
from edge.core.money import format_signed
from edge.settings import Settings
from edge.store.checkpoint_file import read_tokens
from edge.store.checkpoint_keeper import CheckpointKeeper
from edge.store.closed_months import ClosedMonth
from edge.store.database import now_micros
from edge.store.month_close import Closer, close_month
from edge.store.service_keys import load_service_keys
from edge.store.verify_checkpoints import Signed


def close(
    month: Annotated[str, typer.Argument(help="The month in UTC, such as 2026-10; it must be over.")],
    as_json: JsonFlag = False,
) -> None:
    """Close a month for ever: verify the books, take the operator's share, and keep every reader's statement, signed.

    Closing it again changes nothing and says the same. What is corrected later is in the next month's statement.
    """
    period, settings = read_month(month), settings_here()
    with opened(settings) as database:
        keys = load_service_keys(settings.data_dir)
        closer = Closer(operator_party(settings), author(), keys, now_micros())
        closed, fresh = close_month(database, period, closer, _signed(settings, closer))
        if fresh:
            keeper = CheckpointKeeper(database, settings.data_dir, settings.operator, settings.kept_checkpoints)
            keeper.keep()
    if as_json:
        show_json(_row(closed, fresh))
        return
    if not fresh:
        note(f"{period.label} was closed before: this is what it said")
    _say(closed)


def _signed(settings: Settings, closer: Closer) -> Signed:
    known, path = closer.keys.by_thumbprint, settings.kept_checkpoints
    if not path.exists():
        return Signed(known)
    return Signed(known, lambda: (token for _, token in read_tokens(path)), str(path))


def _say(closed: ClosedMonth) -> None:
    manifest = orjson.loads(closed.manifest)
    say(f"{closed.month.label}: closed by {closed.closed_by} at {time_text(closed.closed_at_micros)}")
    for currency, sums in manifest["totals"].items():
        amount, fee, payable = (
            format_signed(sums[name], currency) for name in ("amount_micros", "fee_micros", "payable_micros")
        )
        pages = f"{counted(sums['pages'], 'page')}, {sums['reversed_pages']} reversed"
        say(f"spent {amount}, fees {fee}, payable {payable}: {pages}")
    entries = f"{manifest['entry_count']:d} {'entry' if manifest['entry_count'] == 1 else 'entries'}"
    say(f"{counted(len(manifest['statements']), 'statement')} of {entries}")
    say(f"manifest sha256 {digest_text(closed.manifest)}")
    say(f"farebox report {closed.month.label} writes its files")


def _row(closed: ClosedMonth, fresh: bool) -> dict[str, Any]:
    return {
        "month": closed.month.label,
        "fresh": fresh,
        "closed_at": time_text(closed.closed_at_micros),
        "closed_by": closed.closed_by,
        "manifest": orjson.loads(closed.manifest),
        "manifest_sha256": digest_text(closed.manifest),
        "token": closed.token,
    }
