"""Close a month: the fees that it bears, one statement for each reader, and the text that pins all of it.

Rules of this file
- Every reader's statement is cut out of one: a publisher's and a crawler's lines are the operator's own lines.
- What publishers are left with, and the fees taken of it, is what crawlers spent: in every currency, in money and in
  pages. That is checked before anything is kept.
- The manifest names no clock and no person, so that the same entries give the same bytes; who closed the month and
  when is in the signed text around its digest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.core.fees import FeeBasis
from edge.core.jws import JwsFault, open_compact, sign_compact, time_text
from edge.core.keys import PublicKey
from edge.core.month import Month
from edge.core.particulars import Sums
from edge.core.report import MonthReport, ReportLine, ReportMismatch, totals_of
from edge.core.report_files import jsonl_digest, sums_document
from edge.core.statement import NO_MOVEMENTS, Movements, Party, Reader, Statement

MONTH_TYPE = "farebox-month+jws"
TOKEN_CHARACTERS_MAX = 65_536


@dataclass(frozen=True, slots=True)
class Share:
    """What one reader's statement has beside its lines: counted by the ids that entries bear, not by names."""

    entry_count: int = 0
    receipts: int = 0
    topped_up_micros: Sums = ()
    suspended_micros: Sums = ()
    verify_at: str | None = None
    movements: Movements = NO_MOVEMENTS


@dataclass(frozen=True, slots=True)
class WriterPart:
    """Which entries of one writer were recorded in a month: from ``first`` to ``last``, ``entries`` of them."""

    writer: int
    first: int
    last: int
    entries: int

    def joined(self, other: WriterPart) -> WriterPart:
        """This and other entries of the same writer as one part."""
        first, last = min(self.first, other.first), max(self.last, other.last)
        return WriterPart(self.writer, first, last, self.entries + other.entries)


def fee_bases(
    report: MonthReport,
    publisher_ids: Mapping[str, int],
    shares: Mapping[int, int],
    carried: Mapping[tuple[int, str], int],
) -> tuple[FeeBasis, ...]:
    """What each publisher's fee is taken of, by publisher and currency.

    ``shares`` are parts per million by publisher, ``carried`` what earlier months lacked; both may leave some out.
    """
    nets: dict[tuple[int, str], int] = {}
    for line in report.lines:
        key = (publisher_ids[line.publisher], line.currency)
        nets[key] = nets.get(key, 0) + line.amount_micros
    return tuple(
        FeeBasis(publisher_id, currency, shares.get(publisher_id, 0), net, carried.get((publisher_id, currency), 0))
        for (publisher_id, currency), net in sorted(nets.items())
    )


def check_fees(report: MonthReport, bases: Iterable[FeeBasis], publisher_ids: Mapping[str, int]) -> None:
    """Insist that the fees in the books are the shares; raises ``ReportMismatch``."""
    taken: dict[tuple[int, str], int] = {}
    for line in report.lines:
        key = (publisher_ids[line.publisher], line.currency)
        taken[key] = taken.get(key, 0) + line.fee_micros
    due = {(basis.publisher_id, basis.currency): basis.fee_micros for basis in bases}
    for key in sorted(taken.keys() | due.keys()):
        if taken.get(key, 0) != due.get(key, 0):
            publisher_id, currency = key
            raise ReportMismatch(
                f"publisher {publisher_id} was charged a fee of {taken.get(key, 0)} micro-units in {currency} "
                f"for {report.month.label}, its share is {due.get(key, 0)}"
            )


def cut(whole: Statement, reader: Reader, party: Party, own: Share) -> Statement:
    """One reader's statement out of the operator's; a crawler's shows no fee, which is not its business."""
    if reader is Reader.PUBLISHER:
        lines = tuple(line for line in whole.report.lines if line.publisher == party.name)
    else:
        lines = tuple(_without_fee(line) for line in whole.report.lines if line.crawler == party.name)
    report = MonthReport(whole.month, lines, totals_of(lines), own.entry_count, whole.draft)
    prefix = f"{reader.value}:{party.number}:"
    return replace(
        whole,
        report=report,
        reader=reader,
        party=party,
        accounts=tuple(account for account in whole.accounts if account.code.startswith(prefix)),
        suspended_micros=own.suspended_micros,
        digest=jsonl_digest(report),
        verify_at=own.verify_at,
        topped_up_micros=own.topped_up_micros,
        receipts=own.receipts,
        movements=own.movements,
    )


def check_readers(whole: Statement, publishers: Sequence[Statement], crawlers: Sequence[Statement]) -> None:
    """Insist that the three readers are told one truth, in every currency; raises ``ReportMismatch``."""
    currencies = {total.currency for each in (whole, *publishers, *crawlers) for total in each.report.totals}
    for currency in sorted(currencies):
        paid = [each.total(currency) for each in crawlers]
        earned = [each.total(currency) for each in publishers]
        everything = whole.total(currency)
        left = sum(total.payable_micros + total.fee_micros for total in earned)
        for name in ("amount_micros", "pages", "reversed_pages", "adjusted_micros", "suspended_micros", "free_pages"):
            sums = {sum(getattr(total, name) for total in totals) for totals in (paid, earned, [everything])}
            if len(sums) != 1 or (name == "amount_micros" and left not in sums):
                raise ReportMismatch(
                    f"publishers', crawlers' and the operator's statements of {whole.month.label} differ "
                    f"in {currency}: {name} {sorted(sums)}, left to publishers with fees {left}"
                )
        if sum(total.fee_micros for total in earned) != everything.fee_micros:
            raise ReportMismatch(f"the fees of {whole.month.label} in {currency} do not sum to the operator's")


def manifest_text(
    whole: Statement,
    bases: Iterable[FeeBasis],
    writers: Iterable[WriterPart],
    documents: Mapping[str, str],
    names: str,
) -> str:
    """What a closed month is, as canonical JSON: totals, fees, entries covered, and the digest of each kept text."""
    return canonical(
        {
            "month": whole.month.label,
            "operator": whole.operator.name,
            "entry_count": whole.report.entry_count,
            "lines": len(whole.report.lines),
            "lines_sha256": whole.digest,
            "totals": {total.currency: sums_document(total) for total in whole.report.totals},
            "fees": [_basis_document(basis) for basis in bases],
            "writers": [
                {"writer": part.writer, "first": part.first, "last": part.last, "entries": part.entries}
                for part in writers
            ],
            "statements": {number: digest_text(text) for number, text in documents.items()},
            "names_sha256": digest_text(names),
        }
    )


def sign_month(
    month: Month, manifest: str, issuer: str, closed_by: str, now_micros: int, key: Ed25519PrivateKey
) -> str:
    """Sign a manifest's digest as a compact JWS."""
    claims = {
        "iss": issuer,
        "iat": now_micros // 1_000_000,
        "month": month.label,
        "closed_at": time_text(now_micros),
        "closed_by": closed_by,
        "manifest_sha256": digest_text(manifest),
    }
    return sign_compact(MONTH_TYPE, claims, key)


def month_fault(month: Month, manifest: str, token: str, keys: Mapping[str, PublicKey]) -> str | None:
    """What is wrong with a closed month's signed text, as the end of a sentence; None when it holds."""
    claims: dict[str, Any] | JwsFault = open_compact(token, MONTH_TYPE, keys, TOKEN_CHARACTERS_MAX)
    if isinstance(claims, JwsFault):
        return f"has a signed text that is not to be believed: {claims.value}"
    if claims.get("month") != month.label or claims.get("manifest_sha256") != digest_text(manifest):
        return "has a manifest that is not the one that was signed"
    return None


def canonical(value: object) -> str:
    """JSON with one spelling: keys sorted, no white space, nothing escaped that need not be."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest_text(text: str) -> str:
    """The SHA-256 of a text in UTF-8, in hexadecimal."""
    return sha256(text.encode()).hexdigest()


def _without_fee(line: ReportLine) -> ReportLine:
    return replace(line, fee_micros=0)


def _basis_document(basis: FeeBasis) -> dict[str, object]:
    return {
        "publisher_id": basis.publisher_id,
        "currency": basis.currency,
        "share_ppm": basis.share_ppm,
        "net_micros": basis.net_micros,
        "carried_micros": basis.carried_micros,
        "fee_micros": basis.fee_micros,
    }
