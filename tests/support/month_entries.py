"""A second reading of a month, one entry after the other, which what the product sums by GROUP BY is held against.

Rules of this file
- A month's entries are those recorded in it, in UTC.
- A publisher's view is bounded by ``publisher_ids`` in the query itself, never by leaving rows out afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement, Connection, case, func, literal, select

from edge.core.ledger import EntryKind
from edge.core.month import Month
from edge.core.report import EntryRow, EntrySum
from edge.store.entries import with_names
from edge.store.tables import account, crawler, entry, publisher, site

_STREAM_CHUNK = 2_000


def stream_month(
    connection: Connection,
    month: Month,
    *,
    publisher_ids: frozenset[int] | None = None,
    crawler_ids: frozenset[int] | None = None,
) -> Iterator[EntryRow]:
    """Every entry recorded in the month, with names, oldest first; the connection is busy until the end."""
    owners = account_owners(connection)
    conditions = _in_month(month, crawler_ids)
    if publisher_ids is not None:
        conditions.append(entry.c.publisher_id.in_(publisher_ids))
    query = (
        select(
            entry.c.kind,
            entry.c.amount_micros,
            entry.c.currency,
            publisher.c.name.label("publisher"),
            site.c.host.label("site"),
            crawler.c.name.label("crawler"),
            entry.c.rule,
            entry.c.licence,
            entry.c.rule_version,
            entry.c.recorded_at_micros,
            entry.c.debit_account,
        )
        .select_from(with_names())
        .where(*conditions)
        .order_by(entry.c.recorded_at_micros, entry.c.writer_id, entry.c.number)
    )
    with connection.execute(query.execution_options(yield_per=_STREAM_CHUNK)) as rows:
        for kind, *rest, debit_account in rows:
            yield EntryRow(EntryKind(kind), *(*rest, owners.get(debit_account, "crawler")))


def account_owners(connection: Connection) -> dict[int, str]:
    """Whose each account is that is not a crawler's: ``publisher``, or the first word of our own accounts' codes."""
    not_crawlers = select(account.c.id, account.c.owner_kind, account.c.code).where(account.c.owner_kind != "crawler")
    return {
        row.id: "publisher" if row.owner_kind == "publisher" else row.code.partition(":")[0]
        for row in connection.execute(not_crawlers)
    }


def month_sums(
    connection: Connection,
    month: Month,
    *,
    publisher_ids: frozenset[int] | None = None,
    crawler_ids: frozenset[int] | None = None,
) -> list[EntrySum]:
    """The month's entries summed by the database itself: what a report is checked against.

    Reports go by the publisher that an entry names; what was earned is summed here by the owner of the account that
    it moved into or out of, so that the two cannot agree by reading the same column.
    """
    earned = entry.c.kind.in_((EntryKind.POST.value, EntryKind.SETTLE.value, EntryKind.RELEASE.value))
    taken_back = entry.c.kind.in_((EntryKind.SUSPEND.value, EntryKind.REVERSE.value))
    adjusted = entry.c.kind == EntryKind.ADJUST.value
    giver, taker = account.alias("giver"), account.alias("taker")
    debits = case(
        (giver.c.owner_kind == "internal", func.replace(giver.c.code, literal(":").concat(giver.c.currency), "")),
        else_=giver.c.owner_kind,
    )
    owner = case(
        ((earned | adjusted) & (taker.c.owner_kind == "publisher"), taker.c.owner_id),
        ((taken_back | adjusted) & (giver.c.owner_kind == "publisher"), giver.c.owner_id),
        (earned | adjusted | (taken_back & (debits != "suspense")), None),
        else_=entry.c.publisher_id,
    )
    conditions = _in_month(month, crawler_ids)
    if publisher_ids is not None:
        conditions.append(owner.in_(publisher_ids))
    summed = (
        select(
            entry.c.kind,
            entry.c.currency,
            func.count().label("entries"),
            func.sum(entry.c.amount_micros).label("amount_micros"),
            owner.label("owner"),
            debits.label("debits"),
        )
        .select_from(
            entry.outerjoin(giver, giver.c.id == entry.c.debit_account).outerjoin(
                taker, taker.c.id == entry.c.credit_account
            )
        )
        .where(*conditions)
        .group_by(entry.c.kind, entry.c.currency, owner, debits)
        .subquery()
    )
    query = (
        select(
            summed.c.kind,
            summed.c.currency,
            summed.c.entries,
            summed.c.amount_micros,
            publisher.c.name,
            summed.c.debits,
        )
        .select_from(summed.outerjoin(publisher, publisher.c.id == summed.c.owner))
        .order_by(summed.c.kind, summed.c.currency, publisher.c.name, summed.c.debits)
    )
    return [
        EntrySum(EntryKind(kind), currency, entries, int(amount_micros), name, debits)
        for kind, currency, entries, amount_micros, name, debits in connection.execute(query)
    ]


def _in_month(month: Month, crawler_ids: frozenset[int] | None) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        entry.c.recorded_at_micros >= month.start_micros,
        entry.c.recorded_at_micros < month.end_micros,
    ]
    if crawler_ids is not None:
        conditions.append(entry.c.crawler_id.in_(crawler_ids))
    return conditions
