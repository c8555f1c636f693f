"""Turn values into pages: templates, the spelling of money and time, and static files with hashed names.

Rules of this file
- Everything that comes from outside is escaped (autoescape); nothing is marked safe but what is made here.
- Money is written from integers, to the last micro-unit that is not zero: $0.0025, never $0.00; and with no decimals
  that its currency does not have: ¥5, never ¥5.00.
- Times are UTC and say so.
- A static file's name holds a hash of its bytes, so that a browser may keep it for ever and never keeps an old one.
- Front-end libraries lie in ``static/vendor`` when the build put them there; pages do without those that are not.
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.numbers import format_currency, get_currency_precision, get_currency_symbol
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from edge.core.money import Money, format_micros
from edge.core.month import Month
from edge.files.tables import Table, TableRow
from publisher_dashboard.browser_names import browser_name

LOCALE = "en_US"
_HERE = Path(__file__).resolve().parent
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DECIMALS_MAX = 6
_MINUTE_MICROS = 60_000_000
_CURRENCY = re.compile("[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is served: its hashed name, type and bytes."""

    name: str
    media_type: str
    content: bytes


class Rendering:
    """The templates and static files of one dashboard, read when it is made; ``static`` is where the files lie."""

    def __init__(self, static: Path = _HERE / "static") -> None:
        places = (*sorted(static.iterdir()), *sorted((static / "vendor").glob("*.js")))
        files = [_static_file(path) for path in places if path.is_file()]
        self.static_files: Mapping[str, StaticFile] = {file.name: file for _, file in files}
        urls = {original: f"/static/{file.name}" for original, file in files}
        self._templates = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals.update(
            static=urls.__getitem__,
            library=urls.get,
            decimals=decimals,
            table_decimals=table_decimals,
            row_currency=row_currency,
        )
        self._templates.filters.update(
            money=money, money_cell=money_cell, amount_cell=amount_cell,
            price=price, per_thousand=per_thousand, count=count, moment=moment, clock_in=clock_in,
            clock=clock, short_day=short_day, percent=percent,
            day=day, ago=ago, plural=plural, ordinal=ordinal, size=size, browser=browser_name,
            sentence=sentence, breakable=breakable,
        )  # fmt: skip

    def page(self, template: str, context: Mapping[str, Any]) -> str:
        """Render ``templates/<template>``."""
        return self._templates.get_template(template).render(context)


def _static_file(path: Path) -> tuple[str, StaticFile]:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:12]
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return path.name, StaticFile(f"{path.stem}.{digest}{path.suffix}", media_type, content)


# Money


def money(amount_micros: int, currency: str) -> str:
    """Write an amount as people do: ``$1,234.50``, ``$0.0025``, ``-$3.00``, ``¥100``, ``¥0.5``, ``CHF 0.001``.

    At least the decimals of the currency and six at most, because a price per page is far below its unit.
    """
    space = "\u00a0" if get_currency_symbol(currency, LOCALE)[-1].isalpha() else ""
    least = usual_decimals(currency)
    point = "." if least or _decimals_of(amount_micros) else ""
    pattern = f"¤{space}#,##0{point}{'0' * least}{'#' * (_DECIMALS_MAX - least) if point else ''}"
    amount = Decimal(amount_micros).scaleb(-6)
    return format_currency(amount, currency, pattern, LOCALE, currency_digits=False)


def amount_text(amount: Money | None) -> str:
    """An amount as somebody would type it into a field beside which the currency stands; empty for none."""
    if amount is None:
        return ""
    whole, _, fraction = format_micros(amount.amount_micros).partition(".")
    fraction = fraction[: max(usual_decimals(amount.currency), _decimals_of(amount.amount_micros))]
    return f"{whole}.{fraction}" if fraction else whole


def price(amount: Money | None) -> str:
    """Write a price per page; a dash where there is none."""
    return "–" if amount is None else money(amount.amount_micros, amount.currency)


def per_thousand(amount: Money | None) -> str:
    """Write what a thousand pages cost at that price."""
    return "–" if amount is None else money(amount.amount_micros * 1000, amount.currency)


def usual_decimals(currency: str) -> int:
    """How many decimals people write in a currency: 2 of dollars, none of yen (CLDR, "currency fractions")."""
    return min(get_currency_precision(currency), _DECIMALS_MAX)


def decimals(amounts_micros: Iterable[int], currencies: Iterable[str] = ()) -> int:
    """How many decimals the finest of these amounts needs; a column is set by it.

    A column of one currency has at least that one's own. Where several may stand in it they are named.
    """
    finest = max(map(_decimals_of, amounts_micros), default=0)
    return max(finest, *map(usual_decimals, currencies), 0)


def money_cell(amount_micros: int, currency: str, places: int) -> Markup:
    """An amount for a column: what is missing to ``places`` decimals stands there unseen, so that points align."""
    return Markup("{}{}").format(money(amount_micros, currency), _missing(amount_micros, currency, places))


def amount_cell(amount_micros: int, currency: str, places: int) -> Markup:
    """An amount whose currency stands beside it, set for a column of ``places`` decimals."""
    written = money(amount_micros, currency).replace(get_currency_symbol(currency, LOCALE), "").replace("\u00a0", "")
    return Markup("{}{}").format(written, _missing(amount_micros, currency, places))


def table_decimals(table: Table) -> int:
    """How many decimals the finest amount of a statement's table needs."""
    amounts = [cell for row in table.rows for cell in row.cells if isinstance(cell, int)]
    return decimals(amounts, {row_currency(table, row) for row in table.rows})


def row_currency(table: Table, row: TableRow) -> str:
    """The currency of a row's amounts: it stands in a column of its own, or for all rows at the head of one."""
    for column, cell in zip(table.columns, row.cells, strict=True):
        if column.heading == "Currency":
            return str(cell)
    return next((column.heading for column in table.columns if _CURRENCY.fullmatch(column.heading)), "USD")


def _decimals_of(amount_micros: int) -> int:
    """How many decimals an amount needs, whatever its currency."""
    return len(format_micros(amount_micros).partition(".")[2].rstrip("0"))


def _missing(amount_micros: int, currency: str, places: int) -> Markup:
    """What an amount in a column of ``places`` decimals lacks of them, unseen."""
    least = usual_decimals(currency)
    written, wanted = max(_decimals_of(amount_micros), least), max(places, least)
    text = "0" * (wanted - written)
    point = "." if text and not written else ""
    return Markup('<span class="unseen" aria-hidden="true">{}{}</span>').format(point, text) if text else Markup("")


def count(number: int) -> str:
    """Write a count with grouped thousands."""
    return f"{number:,}"


def percent(part: float) -> str:
    """A part of 1 as ``12%``; less than a half of one is said to be that."""
    if 0 < part < 0.005:
        return "<1%"
    return f"{min(round(100 * part), 99 if part < 1 else 100)}%"


def plural(number: int, one: str, many: str | None = None) -> str:
    """Write ``1 change`` or ``3 changes``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


# Time


def at(micros: int) -> datetime:
    """The aware UTC time of microseconds since the epoch."""
    return _EPOCH + timedelta(microseconds=micros)


def moment(micros: int) -> Markup:
    """A time to the second, in UTC, readable by machines too."""
    time = at(micros)
    text = f"{time.day} {time:%b %Y, %H:%M:%S}"
    return Markup('<time datetime="{}">{} UTC</time>').format(time.isoformat(timespec="seconds"), text)


def clock_in(micros: int, zone: str) -> str:
    """What a clock in a zone shows, with its distance from UTC: ``15:02, UTC+01:00``."""
    there = at(micros).astimezone(ZoneInfo(zone))
    distance = there.strftime("%z")
    return f"{there:%H:%M}, UTC{distance[:3]}:{distance[3:5]}"


def short_day(micros: int) -> str:
    """``20 Nov``."""
    time = at(micros)
    return f"{time.day} {time:%b}"


def clock(micros: int) -> Markup:
    """A time to the second for dense lists, whose head says that times are UTC."""
    time = at(micros)
    text = f"{time.day} {time:%b, %H:%M:%S}"
    return Markup('<time datetime="{}">{}</time>').format(time.isoformat(timespec="seconds"), text)


def day(micros: int) -> Markup:
    """A day with the minute, for lists."""
    time = at(micros)
    text = f"{time.day} {time:%b %Y, %H:%M}"
    return Markup('<time datetime="{}">{} UTC</time>').format(time.isoformat(timespec="minutes"), text)


def month_name(month: Month) -> str:
    """``November 2026``."""
    return f"{at(month.start_micros):%B %Y}"


def size(number: int | None) -> str:
    """A number of bytes as people write it: ``512 B``, ``3.4 MB``, ``12.0 GB``; a dash where nobody knows."""
    if number is None:
        return "–"
    for power, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "KB")):
        if number >= power:
            return f"{number // power:,}.{number % power * 10 // power} {unit}"
    return f"{number} B"


def ordinal(number: int) -> str:
    """``1st``, ``2nd``, ``13th``."""
    ending = "th" if 11 <= number % 100 <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def sentence(text: str) -> str:
    """The text with a capital at its beginning; the rest, DNS for one, keeps its own."""
    return text[:1].upper() + text[1:]


def breakable(path: str) -> Markup:
    """A path that may be broken after its slashes, so that a narrow column does not break its words."""
    return Markup("/<wbr>").join(path.split("/"))


def ago(micros: int, now_micros: int) -> str:
    """How long ago, roughly: ``just now``, ``5 minutes ago``, ``3 days ago``."""
    minutes = max(0, now_micros - micros) // _MINUTE_MICROS
    for size, word in ((24 * 60, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size:
            return f"{plural(minutes // size, word)} ago"
    return "just now"
