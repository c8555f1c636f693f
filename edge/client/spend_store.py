"""What was spent and what is about to be, in one SQLite file that any number of processes may share.

Rules of this file
- Money is reserved before a request leaves. A cap holds because one conditional statement adds the amount only where it
  still fits, in the transaction that writes the purchase: nobody can come between the question and the answer.
- A purchase keeps the signed request it is made with. Whoever finds it open (this process, or the next one after a
  crash) sends the very same one again, which is the same charge at the seller.
- ``unanswered`` counts the sendings that no answer came to. Only when it is nothing does a refusal release the money: a
  refusal to a second sending says nothing about the first.
- Counters hold what is reserved and what was paid; ``faults`` holds them against the purchases.
- A rollback journal, not WAL: every commit is in the one file, and SQLite's WAL had a fault that can lose one.
"""

# ruff: noqa: S608 - every word of the statements is ours
from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import orjson

from edge.client.spend_policy import Cap
from edge.client.spend_rows import COLUMNS, STEPS, FreePage, NewPurchase, Purchase, State, purchase_of, statements_from
from edge.core.errors import EdgeError
from edge.core.jws import time_text
from edge.core.money import AMOUNT_MICROS_MAX, Money

WAIT_SECONDS = 60.0


class SpendStoreProblem(EdgeError):
    """A spend store that cannot be used; the text says why."""


class _Full(Exception):
    """Takes a reservation back that does not fit into one of its caps."""

    def __init__(self, cap: Cap) -> None:
        self.cap = cap


class SpendStore:
    """The crawler's own books. Safe to share by threads; every process opens its own. Raises ``SpendStoreProblem``."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._turn = threading.Lock()
        try:
            self._database = sqlite3.connect(
                self.path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._database.execute("PRAGMA synchronous = FULL")
            self._make_tables()
        except sqlite3.Error as why:
            raise SpendStoreProblem(f"{path} cannot be used as a spend store ({why}); give another place") from why

    def _make_tables(self) -> None:
        with self._write() as database:
            version = database.execute("PRAGMA user_version").fetchone()[0]
            has_tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] > 0
            if version > len(STEPS) or has_tables != (version > 0):
                raise SpendStoreProblem(f"{self.path} is another program's database, or a newer version's")
            for statement in statements_from(version):
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {len(STEPS)}")

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that nobody else writes beside. Raises ``SpendStoreProblem`` when disk or lock fail."""
        with self._turn:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                yield self._database
                self._database.execute("COMMIT")
            except sqlite3.OperationalError as why:
                raise SpendStoreProblem(f"{self.path} cannot be written ({why}); nothing more is bought") from why
            finally:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")

    def close(self) -> None:
        """Let go of the file; what was committed is on the disk already."""
        with self._turn:
            self._database.close()

    # Buying

    def reserve(self, new: NewPurchase, caps: Sequence[Cap]) -> int | Cap | Purchase:
        """Reserve the most that a purchase may cost, and count its first sending: its number, or the cap that is full.

        A purchase of the same page that somebody opened meanwhile is taken up instead: two who want one page at once
        share a charge. The reservation is on the disk when this returns.
        """
        limits = {cap.scope: cap.limit.amount_micros for cap in caps if cap.limit.currency == new.most.currency}
        try:
            with self._write():
                found = self._take_up(new.url)
                if found is not None:
                    return found
                for scope, name in _scopes(new.domain, new.made_micros):
                    if not self._take(name, new.most, limits.get(scope, AMOUNT_MICROS_MAX)):
                        raise _Full(next(cap for cap in caps if cap.scope == scope))
                return self._insert(new)
        except _Full as full:
            return full.cap

    def _take(self, scope: str, amount: Money, limit_micros: int) -> bool:
        """Add where it still fits. The condition is in the statement: two buyers cannot both see the same rest."""
        at = (scope, amount.currency)
        self._database.execute("INSERT INTO spent VALUES (?, ?, 0) ON CONFLICT DO NOTHING", at)
        found = self._database.execute(
            "UPDATE spent SET micros = micros + ?3 WHERE scope = ?1 AND currency = ?2 AND micros + ?3 <= ?4",
            (*at, amount.amount_micros, limit_micros),
        )
        return found.rowcount == 1

    def _insert(self, new: NewPurchase) -> int:
        row = self._database.execute(
            "INSERT INTO purchase (url, domain, day, state, currency, reserved_micros, headers, made_micros,"
            " expires_micros, unanswered) VALUES (?, ?, ?, 'open', ?, ?, ?, ?, ?, 1) RETURNING id",
            (
                *(new.url, new.domain, _day(new.made_micros), new.most.currency, new.most.amount_micros),
                *(orjson.dumps(new.headers).decode(), new.made_micros, new.expires_micros),
            ),
        ).fetchone()
        number: int = row[0]
        return number

    def take_up(self, url: str) -> Purchase | None:
        """The open purchase of a page, if there is one, with one more sending counted."""
        with self._write():
            return self._take_up(url)

    def _take_up(self, url: str) -> Purchase | None:
        row = self._database.execute(
            "UPDATE purchase SET unanswered = unanswered + 1 WHERE id ="
            f" (SELECT min(id) FROM purchase WHERE url = ? AND state = 'open') RETURNING {COLUMNS}",
            (url,),
        ).fetchone()
        return None if row is None else purchase_of(row)

    def bought(self, url: str, since_micros: int) -> Purchase | None:
        """The latest purchase of a page that was settled since then."""
        rows = list(self.purchases("url = ? AND state = 'settled' AND made_micros > ?", url, since_micros))
        return rows[-1] if rows else None

    def sent_again(self, number: int) -> None:
        """Count one more sending of the same signed request, after one that no answer came to."""
        with self._write() as database:
            database.execute("UPDATE purchase SET unanswered = unanswered + 1 WHERE id = ?", (number,))

    def settle(
        self, number: int, charged: Money, charge_id: str | None, at_micros: int, claimed: str | None = None
    ) -> bool:
        """Note what a page cost; what was reserved beyond it is free again. Settling twice changes nothing.

        Returns whether this call noted it: of several who share a purchase, one paid. ``claimed`` is what the seller
        says it took where that is not what was agreed.
        """
        with self._write() as database:
            row = database.execute(
                f"UPDATE purchase SET state = 'settled', charged_micros = ?2, charge_id = ?3, ended_micros = ?4,"
                f" claimed = ?5 WHERE id = ?1 AND state IN ('open', 'lapsed') RETURNING {COLUMNS}",
                (number, charged.amount_micros, charge_id, at_micros, claimed),
            ).fetchone()
            if row is not None:
                purchase = purchase_of(row)
                assert purchase.reserved.currency == charged.currency, "a purchase is settled in its own currency"
                self._give_back(purchase, purchase.reserved.amount_micros - charged.amount_micros)
        return row is not None

    def refused(self, number: int, at_micros: int, *, for_certain: bool = False) -> State:
        """One sending was answered without a charge. The money is free again when no other may still be charged.

        ``for_certain`` says that none was. What is not known when the signature is too old to find out, lapses.
        """
        with self._write() as database:
            database.execute(
                "UPDATE purchase SET unanswered = CASE WHEN ?2 THEN 0 ELSE unanswered - 1 END"
                " WHERE id = ?1 AND unanswered > 0",
                (number, for_certain),
            )
            row = database.execute(
                "UPDATE purchase SET state = CASE WHEN unanswered = 0 THEN 'released' ELSE 'lapsed' END,"
                " ended_micros = ?2 WHERE id = ?1 AND state = 'open' AND (unanswered = 0 OR expires_micros <= ?2)"
                f" RETURNING {COLUMNS}",
                (number, at_micros),
            ).fetchone()
            if row is not None:
                purchase = purchase_of(row)
                if purchase.state is State.RELEASED:
                    self._give_back(purchase, purchase.reserved.amount_micros)
                return purchase.state
        return self.purchase(number).state

    def release_lapsed(self, number: int, at_micros: int) -> bool:
        """A person says that a lapsed purchase was never charged, as the operator's statement shows."""
        with self._write() as database:
            row = database.execute(
                "UPDATE purchase SET state = 'released', ended_micros = ?2 WHERE id = ?1 AND state = 'lapsed'"
                f" RETURNING {COLUMNS}",
                (number, at_micros),
            ).fetchone()
            if row is not None:
                purchase = purchase_of(row)
                self._give_back(purchase, purchase.reserved.amount_micros)
        return row is not None

    def _give_back(self, purchase: Purchase, micros: int) -> None:
        for _, scope in _scopes(purchase.domain, purchase.made_micros):
            self._database.execute(
                "UPDATE spent SET micros = micros - ? WHERE scope = ? AND currency = ?",
                (micros, scope, purchase.reserved.currency),
            )

    # Evidence

    def note_free(self, page: FreePage) -> None:
        """Remember a page that a term or a subscription gave; the same one again changes nothing."""
        values = (page.charge_id, page.url, page.domain, page.currency, page.at_micros)
        with self._write() as database:
            database.execute("INSERT INTO free_page VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", values)

    def free_pages(self, since_micros: int = 0) -> list[FreePage]:
        """The pages that were free under a number of the seller's, oldest first."""
        with self._turn:
            rows = self._database.execute(
                "SELECT * FROM free_page WHERE at_micros >= ? ORDER BY at_micros", (since_micros,)
            ).fetchall()
        return [FreePage(*row) for row in rows]

    def keep_receipt(self, number: int, receipt: str | None, fault: str | None) -> None:
        """Keep a receipt, and what is wrong with it."""
        with self._write() as database:
            database.execute(
                "UPDATE purchase SET receipt = ?2, receipt_fault = ?3 WHERE id = ?1", (number, receipt, fault)
            )

    def remember_page(self, url: str, etag: str | None, last_modified: str | None) -> None:
        """Keep the validators of a page that was got (RFC 9110 section 8.8), so that it is not paid for unchanged."""
        with self._write() as database:
            database.execute("INSERT OR REPLACE INTO page VALUES (?, ?, ?)", (url, etag, last_modified))

    def validators(self, url: str) -> dict[str, str]:
        """The conditional headers for a page that was got before."""
        with self._turn:
            row = self._database.execute("SELECT etag, last_modified FROM page WHERE url = ?", (url,)).fetchone()
        named = zip(("if-none-match", "if-modified-since"), row or (), strict=False)
        return {name: value for name, value in named if value}

    # Reading

    def purchase(self, number: int) -> Purchase:
        """One purchase; raises ``KeyError``."""
        for found in self.purchases("id = ?", number):
            return found
        raise KeyError(number)

    def open_purchases(self) -> list[Purchase]:
        """What is reserved and not yet known to be charged, oldest first."""
        return list(self.purchases("state = 'open'"))

    def purchases(self, where: str = "1", *values: object) -> Iterator[Purchase]:
        """Rows in their order; ``where`` is a condition of our own words."""
        with self._turn:
            rows = self._database.execute(
                f"SELECT {COLUMNS} FROM purchase WHERE {where} ORDER BY id",
                values,
            ).fetchall()
        return map(purchase_of, rows)

    def spent(self, scope: str = "total") -> dict[str, int]:
        """Micro-units by currency that are paid or reserved within a scope's name."""
        with self._turn:
            rows = self._database.execute("SELECT currency, micros FROM spent WHERE scope = ?", (scope,)).fetchall()
        return dict(rows)

    def left(self, caps: Iterable[Cap], domain: str, at_micros: int) -> int | None:
        """The least that these caps leave in micro-units for one more purchase; None without caps."""
        names = dict(_scopes(domain, at_micros))
        rests = [cap.limit.amount_micros - self.spent(names[cap.scope]).get(cap.limit.currency, 0) for cap in caps]
        return max(0, min(rests)) if rests else None

    def faults(self) -> list[str]:
        """Where the counters do not agree with the purchases; empty unless somebody changed the file by hand."""
        sums: dict[tuple[str, str], int] = {}
        for purchase in self.purchases():
            taken = purchase.charged or purchase.reserved
            if purchase.state is not State.RELEASED:
                for _, scope in _scopes(purchase.domain, purchase.made_micros):
                    at = (scope, taken.currency)
                    sums[at] = sums.get(at, 0) + taken.amount_micros
        with self._turn:
            rows = self._database.execute("SELECT scope, currency, micros FROM spent").fetchall()
        counted = {(scope, currency): micros for scope, currency, micros in rows if micros}
        wrong = {at for at in sums.keys() | counted.keys() if sums.get(at, 0) != counted.get(at, 0)}
        return [f"{at[0]} {at[1]}: counted {counted.get(at, 0)}, bought {sums.get(at, 0)}" for at in sorted(wrong)]


def _day(at_micros: int) -> str:
    return time_text(at_micros)[:10]


def _scopes(domain: str, at_micros: int) -> tuple[tuple[str, str], ...]:
    """Each scope of a cap, and the name under which it is counted."""
    day = _day(at_micros)
    return (("total", "total"), ("day", f"day {day}"), ("domain_day", f"{domain} {day}"))
