"""A crawler's receipt log, as it is written and read: JSON Lines, CSV, or one signed receipt a line.

Rules of this file
- A line says which charge, when, what for and how much; docs/commands.md lists the members. Others are ignored.
- Lines whose state is not ``charged`` are kept and count nothing: the crawler knows that it does not owe them.
- A line that cannot be read, or a receipt whose signature does not hold, is named and never believed in part.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, NamedTuple

import orjson

from edge.core.errors import EdgeError
from edge.core.jws import JwsFault, time_text
from edge.core.keys import PublicKey
from edge.core.money import InvalidPrice, Money, parse_price
from edge.core.receipts import receipt_sentence, verify_receipt

STATES = ("charged", "incomplete", "suspended", "reversed")
CHARGE_ID_LENGTH_MAX = 100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WHOLE = re.compile(r"[0-9]{1,15}")
_NEEDED = {"charge_id", "currency"}


class UnreadableLog(EdgeError):
    """A file that is no receipt log at all; the text says what one is."""


class LogLine(NamedTuple):
    """One line: the charge, its time in microseconds if it says one, its address, and what the crawler counts."""

    charge_id: str
    at_micros: int | None
    url: str
    amount_micros: int
    currency: str
    state: str
    line: int

    @property
    def counts(self) -> bool:
        """Whether the crawler holds that it owes this."""
        return self.state == "charged"


class BadLine(NamedTuple):
    """A line that is not believed, and why."""

    line: int
    reason: str


def log_line(charge_id: str | None, at_micros: int, url: str, price: Money, state: str = "charged") -> bytes:
    """One line of JSON Lines, with its end."""
    assert state in STATES, f"{state!r} is no state of a log line"
    values = {
        "charge_id": charge_id,
        "charged_at": time_text(at_micros),
        "url": url,
        "amount_micros": price.amount_micros,
        "currency": price.currency,
        "state": state,
    }
    return orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE)


def read_log(texts: Iterable[str], keys: Mapping[str, PublicKey]) -> Iterator[LogLine | BadLine]:
    """Every line that is not empty; the first one tells the format. ``keys`` check receipts, by thumbprint.

    Raises ``UnreadableLog`` for what is none of the three formats.
    """
    lines = iter(texts)
    skipped = 0
    for first in lines:
        if first.strip():
            break
        skipped += 1
    else:
        return iter(())
    rest = chain([first], lines)
    if first.lstrip().startswith("{"):
        return (_json_line(text, number) for number, text in _numbered(rest, skipped))
    if first.startswith("eyJ") and first.count(".") == 2:
        return (_receipt_line(text, number, keys) for number, text in _numbered(rest, skipped))
    return _csv_lines(rest, skipped)


def _numbered(lines: Iterable[str], skipped: int) -> Iterator[tuple[int, str]]:
    return ((number, text) for number, text in enumerate(lines, skipped + 1) if text.strip())


def _json_line(text: str, number: int) -> LogLine | BadLine:
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError:
        return BadLine(number, "it is not a whole JSON object")
    return _line(values, number) if isinstance(values, dict) else BadLine(number, "it is not a JSON object")


def _csv_lines(lines: Iterable[str], skipped: int) -> Iterator[LogLine | BadLine]:
    rows = csv.DictReader(lines)
    names = set(rows.fieldnames or ())
    if not names >= _NEEDED or not names & {"amount", "amount_micros"}:
        raise UnreadableLog(
            "this is no receipt log: JSON Lines, CSV with the columns charge_id, charged_at, url, amount and currency,"
            " or one signed receipt a line"
        )
    return (_line({name: value for name, value in row.items() if value}, skipped + rows.line_num) for row in rows)


def _receipt_line(text: str, number: int, keys: Mapping[str, PublicKey]) -> LogLine | BadLine:
    found = verify_receipt(text, keys)
    if isinstance(found, JwsFault):
        return BadLine(number, receipt_sentence(found))
    place = (found.charged_at_micros, f"{found.site}{found.target}")
    return LogLine(found.charge_id, *place, found.price.amount_micros, found.price.currency, found.state.value, number)


def _line(values: Mapping[Any, Any], number: int) -> LogLine | BadLine:
    # A charge without a number is a line of its own, which nothing in the books can match.
    charge_id, state = values.get("charge_id") or f"(line {number})", values.get("state", "charged")
    if not isinstance(charge_id, str) or len(charge_id) > CHARGE_ID_LENGTH_MAX:
        return BadLine(number, "its charge_id is not a charge's number")
    if state not in STATES:
        return BadLine(number, f"its state is none of {', '.join(STATES)}")
    try:
        price, at_micros = _price(values), read_time(values.get("charged_at"))
    except (ValueError, OverflowError) as why:
        return BadLine(number, str(why))
    url = str(values.get("url") or values.get("site") or "")
    return LogLine(charge_id, at_micros, url, price.amount_micros, price.currency, state, number)


def _price(values: Mapping[Any, Any]) -> Money:
    """``amount_micros``, an integer, or ``amount``, a decimal number as text; raises ``InvalidPrice``."""
    currency, micros = values.get("currency"), values.get("amount_micros")
    if not isinstance(currency, str):
        raise InvalidPrice("its currency is not a code like USD")
    if isinstance(micros, str) and _WHOLE.fullmatch(micros):
        micros = int(micros)
    if micros is not None:
        return Money(micros, currency)
    return parse_price(f"{currency} {values.get('amount')}")


def read_time(text: object) -> int | None:
    """Microseconds since the epoch of an RFC 3339 time, UTC where it says nothing else; None for None.

    Raises ``ValueError`` or ``OverflowError``.
    """
    if text is None:
        return None
    if not isinstance(text, str):
        raise ValueError("its time is not a text like 2026-11-20T14:00:00Z")
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1)
