"""A crawler's month as a FOCUS 1.2 dataset (CSV), for the tools that its owner's FinOps team has already.

How farebox's words map to the specification's:

- the crawler's account is the billing account, the operator the provider and invoice issuer, the publisher the
  publisher; a site is the resource, a rule of a site the SKU, its price on that day the SKU price;
- a sold page is one unit of usage. What was given back, put into suspense or released is usage too, with a negative
  or positive quantity, so that quantity times unit price is the cost in every row; a credit note is an adjustment;
- ``ChargeClass`` is ``Correction`` where a row changes what an earlier month's statement said;
- a top-up is a payment, not a cost, and has no row. List, contracted, effective and billed cost are one: there are no
  discounts. The sum of ``BilledCost`` is the statement's total.

Source: FinOps Open Cost and Usage Specification 1.2 (https://focus.finops.org), columns and attributes.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from edge.core.money import format_micros
from edge.core.month import Month
from edge.core.month_rows import DayCharges
from edge.core.plain_text import plain
from edge.core.report import effect_of
from edge.core.report_files import safe_cell
from edge.core.statement import Statement

COLUMNS = (
    *("BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd"),
    *("BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency"),
    *("ChargePeriodEnd", "ChargePeriodStart", "ConsumedQuantity", "ConsumedUnit", "ContractedCost"),
    *("ContractedUnitPrice", "EffectiveCost", "InvoiceId", "InvoiceIssuerName", "ListCost", "ListUnitPrice"),
    *("PricingCategory", "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName", "ResourceId"),
    *("ResourceName", "ResourceType", "ServiceCategory", "ServiceName", "ServiceSubcategory", "SkuId", "SkuMeter"),
    *("SkuPriceId", "Tags", "x_AmountMicros"),
)
UNIT = "Pages"
TEXT_LENGTH_MAX = 1_000
_SAID = {
    "post": "Pages crawled",
    "settle": "Pages crawled",
    "reverse": "Pages given back",
    "suspend": "Pages whose delivery is not known yet",
    "release": "Pages whose delivery was settled",
    "adjust": "Credit or debit note",
}


def focus_lines(statement: Statement, charges: Iterable[DayCharges]) -> Iterator[str]:
    """The dataset's lines, header first, each ended by CR LF."""
    yield _line(COLUMNS)
    for row in charges:
        sign = _sign(row)
        if sign:
            values = _row(statement, row, sign)
            yield _line(values.get(column, "") for column in COLUMNS)


def _sign(row: DayCharges) -> int:
    """Whether these entries cost the crawler something (1), give it back (-1) or neither (0)."""
    return effect_of(row.kind, row.debit, row.publisher or None).amount


def _row(statement: Statement, row: DayCharges, sign: int) -> dict[str, str]:
    cost_micros = sign * row.entries * row.unit_micros
    cost = format_micros(cost_micros)
    issuer = _text(statement.operator.name)
    return {
        **_periods(statement.month, row.day),
        **(_adjustment() if row.kind == "adjust" else _usage(row, sign)),
        **dict.fromkeys(("BilledCost", "ContractedCost", "EffectiveCost", "ListCost"), cost),
        "BillingAccountId": row.crawler_account,
        "BillingAccountName": _text(row.crawler),
        "BillingCurrency": row.currency,
        "ChargeClass": "Correction" if row.corrects_earlier else "",
        "ChargeDescription": _text(f"{_SAID.get(row.kind, row.kind)}: {row.site} {row.rule}".rstrip(": ")),
        "InvoiceId": statement.number,
        "InvoiceIssuerName": issuer,
        "ProviderName": issuer,
        "PublisherName": _text(row.publisher or statement.operator.name),
        **_resource(row.site),
        "ServiceCategory": "Media",
        "ServiceName": "Paid crawling",
        "ServiceSubcategory": "Other (Media)",
        "Tags": _tags(row),
        "x_AmountMicros": str(cost_micros),
    }


def _resource(site: str) -> dict[str, str]:
    """The site as the resource; a note that names no page has none."""
    return {"ResourceId": _text(site), "ResourceName": _text(site), "ResourceType": "Site"} if site else {}


def _usage(row: DayCharges, sign: int) -> dict[str, str]:
    quantity, price = str(sign * row.entries), format_micros(row.unit_micros)
    sku = _text(f"{row.site}/{row.rule}")
    return {
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based",
        "ConsumedQuantity": quantity,
        "ConsumedUnit": UNIT,
        "PricingQuantity": quantity,
        "PricingUnit": UNIT,
        "PricingCategory": "Standard",
        "ListUnitPrice": price,
        "ContractedUnitPrice": price,
        "SkuId": sku,
        "SkuMeter": "Pages crawled",
        "SkuPriceId": _text(f"{sku}@{row.currency} {price}"),
    }


def _adjustment() -> dict[str, str]:
    return {"ChargeCategory": "Adjustment", "ChargeFrequency": "One-Time"}


def _periods(month: Month, day: int) -> dict[str, str]:
    first = datetime.fromtimestamp(month.start_micros // 1_000_000, UTC) + timedelta(days=day)
    return {
        "BillingPeriodStart": _time(datetime.fromtimestamp(month.start_micros // 1_000_000, UTC)),
        "BillingPeriodEnd": _time(datetime.fromtimestamp(month.end_micros // 1_000_000, UTC)),
        "ChargePeriodStart": _time(first),
        "ChargePeriodEnd": _time(first + timedelta(days=1)),
    }


def _tags(row: DayCharges) -> str:
    """Provider-defined tags bear a prefix, as the specification wants it."""
    tags = {"farebox/rule": row.rule, "farebox/licence": row.licence}
    told = {name: plain(value, TEXT_LENGTH_MAX) for name, value in tags.items() if value}
    return json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":")) if told else ""


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(text: str) -> str:
    return safe_cell(plain(text, TEXT_LENGTH_MAX))


def _line(cells: Iterable[str]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue()
