"""Who paid whom, by the entries, held against the accounts: who owns them, and what their balances say.

Rules of this file
- Entries of one kind between the same accounts, for the same parties, are one ``way``; there are few of them, however
  many entries there are, so that one pass over the entries is enough and nothing is held but sums.
- The parties that an entry names must be the owners of the accounts that it moves money between: reports go by the
  former, balances by the latter.
- Sums are made here, exactly; a database may overflow or round.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, assert_never

from sqlalchemy import Connection, Row, select

from edge.core.ledger import Entry, EntryKind
from edge.core.money import format_signed
from edge.store.faults import Fault, RowTypes
from edge.store.tables import account, crawler, publisher, site

OWN_ACCOUNTS = ("holds", "suspense", "funding", "adjustments", "fees")
"""The first words of the codes of our own accounts; the second is the currency."""

_WITHOUT_CRAWLER = frozenset({EntryKind.FEE, EntryKind.NOTE})
_WITHOUT_PUBLISHER = frozenset({EntryKind.ADJUST, EntryKind.NOTE})
_WITHOUT_SITE = frozenset({EntryKind.ADJUST, EntryKind.FEE, EntryKind.NOTE})


class Way(NamedTuple):
    """What entries can have in common: a kind, two accounts, and the parties that they name."""

    kind: str
    debit_account: int
    credit_account: int
    currency: str
    crawler_id: int | None
    publisher_id: int | None
    site_id: int | None


@dataclass(slots=True)
class _Sum:
    """The first entry of a way, and what all of them moved."""

    first: tuple[int, int]
    amount_micros: int = 0


@dataclass(slots=True)
class Transfers:
    """The sums of all ways; ``add`` takes well-formed entries, in any order."""

    _sums: dict[tuple[Any, ...], _Sum] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        """Count an entry."""
        # Plain tuples: this runs for every entry there is.
        way = (entry[5], entry[6], entry[7], entry[9], entry[11], entry[12], entry[13])
        place = entry[:2]
        found = self._sums.get(way)
        if found is None:
            found = self._sums[way] = _Sum(place)
        elif place < found.first:
            found.first = place
        found.amount_micros += entry[8]

    def faults(self, connection: Connection) -> Iterator[Fault]:
        """Everything in which accounts, parties and entries contradict each other."""
        rows = list(connection.execute(select(account).order_by(account.c.id)))
        types = RowTypes(account.columns)
        sound = []
        for row in rows:
            wrong = types.fault(row)
            if wrong is None:
                sound.append(row)
            else:
                yield Fault("I5", f"account {row.code}", wrong)
        known = _Parties.read(connection)
        yield from _owner_faults(sound, known)
        yield from self._party_faults({row.id: row.code for row in rows}, known)
        yield from self._balance_faults(sound, {row.id for row in rows} - {row.id for row in sound})

    def _party_faults(self, codes: Mapping[int, str], known: _Parties) -> Iterator[Fault]:
        for common, total in sorted(self._sums.items(), key=lambda item: item[1].first):
            way = Way._make(common)
            if way.kind not in set(EntryKind):
                continue  # named already: it has no place in the life of a charge
            place = f"entry {total.first[0]}/{total.first[1]}"
            found = [
                codes.get(number, f"{number}, which does not exist")
                for number in (way.debit_account, way.credit_account)
            ]
            debit, credit = _closest(found, _codes(way))
            for verb, there, code in (("debits", found[0], debit), ("credits", found[1], credit)):
                if there != code:
                    yield Fault("I5", place, f"{verb} account {there}, but what it says belongs to {code}")
            for missing in known.missing(way):
                yield Fault("I5", place, f"names {missing}")

    def _balance_faults(self, rows: list[Row[Any]], unreadable: set[int]) -> Iterator[Fault]:
        """Each balance is the fold of its entries (I5), none is below its floor (I3), and all sum to zero (I1)."""
        folded = self._folded()
        totals: dict[str, int] = {}
        for row in rows:
            expected = folded.pop((row.id, row.currency), 0)
            totals[row.currency] = totals.get(row.currency, 0) + row.balance_micros
            if row.balance_micros != expected:
                shown, summed = format_signed(row.balance_micros, row.currency), format_signed(expected, row.currency)
                yield Fault("I5", f"account {row.code}", f"says {shown}, its entries sum to {summed}")
            if row.floor_micros is not None and row.balance_micros < row.floor_micros:
                yield Fault("I3", f"account {row.code}", "is below its floor")
        for number, currency in sorted(folded):
            if number not in unreadable:
                yield Fault("I5", f"account {number}", f"does not exist in {currency}, but entries name it")
        for currency, total in sorted(totals.items()):
            if total != 0 and not unreadable:
                yield Fault("I1", f"all {currency} accounts", f"sum to {format_signed(total, currency)}, not to zero")

    def _folded(self) -> dict[tuple[int, str], int]:
        folded: dict[tuple[int, str], int] = {}
        for common, total in self._sums.items():
            way = Way._make(common)
            moved = total.amount_micros
            for number, amount in ((way.debit_account, -moved), (way.credit_account, moved)):
                folded[number, way.currency] = folded.get((number, way.currency), 0) + amount
        return folded


@dataclass(frozen=True, slots=True)
class _Parties:
    """Who there is; a site with the publisher that it belongs to, which never changes."""

    crawlers: frozenset[int]
    publishers: frozenset[int]
    sites: Mapping[int, int]

    @classmethod
    def read(cls, connection: Connection) -> _Parties:
        return cls(
            frozenset(connection.execute(select(crawler.c.id)).scalars()),
            frozenset(connection.execute(select(publisher.c.id)).scalars()),
            {row.id: row.publisher_id for row in connection.execute(select(site.c.id, site.c.publisher_id))},
        )

    def missing(self, way: Way) -> Iterator[str]:
        kind = EntryKind(way.kind)
        if way.crawler_id not in self.crawlers and not (way.crawler_id is None and kind in _WITHOUT_CRAWLER):
            yield f"crawler {way.crawler_id}, which does not exist"
        if kind is EntryKind.CREDIT or (way.publisher_id is None and kind in _WITHOUT_PUBLISHER):
            return
        if way.publisher_id not in self.publishers:
            yield f"publisher {way.publisher_id}, which does not exist"
        if way.site_id is None and kind in _WITHOUT_SITE:
            return
        owner = self.sites.get(way.site_id) if way.site_id is not None else None
        if owner is None:
            yield f"site {way.site_id}, which does not exist"
        elif owner != way.publisher_id:
            yield f"publisher {way.publisher_id} and site {way.site_id}, which belongs to publisher {owner}"


def _owner_faults(rows: list[Row[Any]], known: _Parties) -> Iterator[Fault]:
    """An account's code is made of its owner and currency, and its owner exists."""
    for row in rows:
        place = f"account {row.code}"
        match row.owner_kind:
            case "crawler" | "publisher":
                expected = {f"{row.owner_kind}:{row.owner_id}:{row.currency}"}
                owners = known.crawlers if row.owner_kind == "crawler" else known.publishers
                if row.owner_id not in owners:
                    yield Fault("I5", place, f"belongs to {row.owner_kind} {row.owner_id}, which does not exist")
            case _:
                expected = {f"{word}:{row.currency}" for word in OWN_ACCOUNTS}
        if row.code not in expected:
            yield Fault("I5", place, f"is {row.owner_kind} {row.owner_id or ''} in {row.currency}, unlike its name")


def _closest(found: Sequence[str], allowed: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Of the pairs of accounts that a kind may move money between, the one that most of ``found`` agrees with."""
    return max(allowed, key=lambda pair: sum(there == code for there, code in zip(found, pair, strict=True)))


def _codes(way: Way) -> list[tuple[str, str]]:
    """The accounts that an entry of this kind may move money between: from, to."""
    pays, earns = f"crawler:{way.crawler_id}:{way.currency}", f"publisher:{way.publisher_id}:{way.currency}"
    holds, suspense, funding, adjustments, fees = (f"{word}:{way.currency}" for word in OWN_ACCOUNTS)
    corrects = adjustments if way.publisher_id is None else earns
    concerned = pays if way.publisher_id is None else earns
    kind = EntryKind(way.kind)
    match kind:
        case EntryKind.POST | EntryKind.GRANT | EntryKind.REDELIVER:
            return [(pays, earns)]
        case EntryKind.HOLD:
            return [(pays, holds)]
        case EntryKind.SETTLE:
            return [(holds, earns)]
        case EntryKind.VOID:
            return [(holds, pays)]
        case EntryKind.SUSPEND:
            return [(earns, suspense)]
        case EntryKind.RELEASE:
            return [(suspense, earns)]
        case EntryKind.REVERSE:
            return [(earns, pays), (suspense, pays)]
        case EntryKind.WITHDRAW:
            return [(earns, pays)]
        case EntryKind.CREDIT:
            return [(funding, pays)]
        case EntryKind.ADJUST:
            return [(corrects, pays), (pays, corrects)]
        case EntryKind.FEE:
            return [(earns, fees)]
        case EntryKind.NOTE:
            return [(concerned, funding)]
        case _:
            assert_never(kind)
