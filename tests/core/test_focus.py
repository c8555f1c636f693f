"""FOCUS 1.2: every mandatory column is there, and is null only where the specification lets it be."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal

import pytest

from edge.core.focus import focus_lines
from edge.core.ledger import EntryKind
from edge.core.month_rows import DayCharges
from edge.core.report import Pocket
from edge.core.statement import Reader
from tests.support.statements import NAMES, statement

# Specification 1.2, "Columns": feature level Mandatory, and of these the ones that must not be null.
NOT_NULL = (
    *("BilledCost", "BillingAccountId", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory"),
    *("ChargePeriodEnd", "ChargePeriodStart", "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost"),
    *("ProviderName", "PublisherName", "ServiceCategory", "ServiceName"),
)
NULLABLE = ("BillingAccountName", "ChargeClass", "ChargeDescription", "PricingQuantity", "PricingUnit")
OF_USAGE = (
    *("PricingQuantity", "PricingUnit", "ConsumedQuantity", "ConsumedUnit", "ListUnitPrice", "ContractedUnitPrice"),
    *("PricingCategory", "SkuId", "SkuPriceId"),
)
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def day_charges(kind: EntryKind = EntryKind.POST, **changed: object) -> DayCharges:
    values: dict[str, object] = {
        "day": 2,
        "kind": kind,
        "debit": Pocket.CRAWLER,
        "credit": Pocket.PUBLISHER,
        "publisher": "Example News",
        "site": "news.example",
        "crawler": "ExampleBot",
        "crawler_account": "crawler:3:USD",
        "rule": "long reads",
        "licence": "ai-train",
        "currency": "USD",
        "unit_micros": 5_000,
        "entries": 3,
        "corrects_earlier": False,
        **changed,
    }
    return DayCharges(**values)  # type: ignore[arg-type]


ROWS = [
    day_charges(),
    day_charges(EntryKind.SETTLE, unit_micros=1),
    day_charges(EntryKind.REVERSE, debit=Pocket.PUBLISHER, corrects_earlier=True),
    day_charges(EntryKind.SUSPEND, debit=Pocket.PUBLISHER),
    day_charges(EntryKind.RELEASE, debit=Pocket.SUSPENSE),
    day_charges(EntryKind.ADJUST, debit=Pocket.PUBLISHER, site="", rule="", licence="", entries=1),
]


def dataset(rows: list[DayCharges]) -> list[dict[str, str]]:
    text = "".join(focus_lines(statement([], reader=Reader.CRAWLER), rows))
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_mandatory_columns_are_there_and_say_something() -> None:
    rows = dataset(ROWS)
    assert len(rows) == len(ROWS)
    for row in rows:
        assert set(NOT_NULL) | set(NULLABLE) <= set(row)
        assert all(row[column] for column in NOT_NULL)
        assert row["ChargeClass"] in ("", "Correction")
        usage = row["ChargeCategory"] == "Usage"
        assert all(bool(row[column]) == usage for column in OF_USAGE)


def test_numbers_times_and_units_are_written_as_the_specification_wants() -> None:
    for row in dataset(ROWS):
        for column in ("BilledCost", "ListCost", "ContractedCost", "EffectiveCost"):
            assert NUMBER.fullmatch(row[column])
        assert (row["BillingPeriodStart"], row["BillingPeriodEnd"]) == ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z")
        assert (row["ChargePeriodStart"], row["ChargePeriodEnd"]) == ("2026-11-03T00:00:00Z", "2026-11-04T00:00:00Z")
        if row["ChargeCategory"] == "Usage":
            assert Decimal(row["ListUnitPrice"]) >= 0
            assert Decimal(row["ListUnitPrice"]) * Decimal(row["PricingQuantity"]) == Decimal(row["ListCost"])


def test_what_is_given_back_or_waits_is_a_negative_cost_and_a_release_a_positive_one() -> None:
    costs = [Decimal(row["BilledCost"]) for row in dataset(ROWS)]
    assert costs == [Decimal(text) for text in ("0.015", "0.000003", "-0.015", "-0.015", "0.015", "-0.005")]


def test_a_reversal_out_of_suspense_costs_nobody_anything() -> None:
    assert dataset([day_charges(EntryKind.REVERSE, debit=Pocket.SUSPENSE)]) == []


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_stay_in_their_cell_on_one_line(name: str) -> None:
    text = "".join(focus_lines(statement([]), [day_charges(crawler=name, rule=name, publisher=name, site=name)]))
    assert text.count("\r\n") == 2
    assert text.replace("\r\n", "").isprintable()
    [row] = csv.DictReader(io.StringIO(text, newline=""))
    assert not row["BillingAccountName"].startswith(("=", "+", "-", "@"))
