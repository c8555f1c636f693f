"""What ``verify`` looks at in every entry, and in the lives of charges that have more than one.

Rules of this file
- Entries are read once, in the order of the chain, and summed up as they pass. Most charges are one entry: as the
  first of its key it is the beginning of a life, and if nothing follows it is the whole of one.
- Keys that have more entries, or none that begins, are asked for afterwards, in chunks, and read as a whole; what was
  counted when their beginning passed is taken back first. So the time is linear, the random reads are few, and what
  is held does not grow with the books.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby, islice

from sqlalchemy import Connection, func, or_, select

from edge.core.ledger import KEY_LENGTH, Entry, EntryKind, InvariantBroken, Step, charge_id, check_entry
from edge.core.ledger_state import STEP_OF, Phase, fold_charge
from edge.store.batch_reading import entry_of
from edge.store.budget_faults import BudgetSums
from edge.store.corrections import Corrections
from edge.store.faults import Fault, RowTypes
from edge.store.grant_faults import GrantSums
from edge.store.note_faults import NotedRows
from edge.store.tables import entry
from edge.store.transfers import Transfers

EXPLANATIONS_MAX = 10
"""So many wrong batches are searched for the very entry; of books that are wrong all over, a few will do."""
_FAULTS_KEPT_MAX = 10_000
_KEYS_PER_CHUNK = 500
_STREAM_CHUNK = 2_000
_PROGRESS_EVERY = 10_000

_OPENING_KINDS = frozenset(kind.value for kind, step in STEP_OF.items() if step is Step.OPEN)

Sums = dict[str, tuple[int, int]]
"""By currency: how many, and how much in micro-units."""


@dataclass(slots=True)
class EntryReading:
    """Counts and sums what goes by; ``faults`` says what is wrong with it when all of it has.

    ``progress`` hears from time to time how many entries have been read.
    """

    budgets: BudgetSums
    progress: Callable[[int], None]
    explanations_left: int = EXPLANATIONS_MAX
    entries: int = 0
    charges: int = 0
    open_holds: Sums = field(default_factory=dict)
    in_suspense: Sums = field(default_factory=dict)
    transfers: Transfers = field(default_factory=Transfers)
    corrections: Corrections = field(default_factory=Corrections)
    noted: NotedRows = field(default_factory=NotedRows)
    grants: GrantSums = field(default_factory=GrantSums)
    _types: RowTypes = field(default_factory=lambda: RowTypes(entry.columns))
    _faults: list[Fault] = field(default_factory=list)

    def passing(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Take each entry that passes into account."""
        for one in entries:
            self.entries += 1
            if not self.entries % _PROGRESS_EVERY:
                self.progress(self.entries)
            wrong = self._wrong(one)
            if wrong is None:
                self._take(one)
            elif len(self._faults) < _FAULTS_KEPT_MAX:
                self._faults.append(Fault("I2", f"entry {one.writer}/{one.number}", wrong))
            yield one

    def faults(self, connection: Connection) -> Iterator[Fault]:
        """Every entry holds for itself, and the entries of each key are a life that a charge can have (I1, I2)."""
        yield from self._faults
        for keys in _chunks_of_followed_keys(connection):
            query = select(entry).where(entry.c.key.in_(keys)).order_by(entry.c.key, entry.c.attempt, entry.c.step)
            for _, group in groupby(map(entry_of, connection.execute(query)), lambda one: one.key):
                yield from self._life_faults(list(group))

    def _take(self, one: Entry) -> None:
        self.transfers.add(one)
        self.corrections.add(one)
        self.noted.add(one)
        try:
            check_entry(one)
            if _begins(one):
                self._count(one, 1)
                self.budgets.add((one,))
                self.grants.add((one,))
                if one.kind not in _OPENING_KINDS:
                    fold_charge((one,))  # says what is wrong with it
        except InvariantBroken as broken:
            if len(self._faults) < _FAULTS_KEPT_MAX:
                self._faults.append(Fault("I2", charge_id(one.key), str(broken)))

    def _life_faults(self, life: list[Entry]) -> Iterator[Fault]:
        """Fold the life of one key; rows that are no entries were named when they passed."""
        if any(self._wrong(one) is not None for one in life):
            return
        for one in filter(_begins, life):
            self._count(one, -1)
            self.budgets.add((one,), sign=-1)
        self.budgets.add(life)
        self.charges += 1
        try:
            for one in filter(_begins, life):
                self.grants.add((one,), sign=-1)
            self.grants.add(life)
            state = fold_charge(life)
        except InvariantBroken as broken:
            yield Fault("I2", charge_id(life[0].key), str(broken))
            return
        if state is not None and state.phase is Phase.HELD:
            _sum_up(self.open_holds, state.opening, 1)
        if state is not None and state.phase is Phase.SUSPENDED:
            _sum_up(self.in_suspense, state.opening, 1)

    def _count(self, beginning: Entry, sign: int) -> None:
        """Count a charge of which nothing more is known than its beginning, or take that back."""
        self.charges += sign
        if beginning.kind == EntryKind.HOLD:
            _sum_up(self.open_holds, beginning, sign)

    def _wrong(self, one: Entry) -> str | None:
        wrong = self._types.fault(one)
        if wrong is None and len(one.key) != KEY_LENGTH:
            return f"has a key of {len(one.key)} bytes"
        return wrong


def _begins(one: Entry) -> bool:
    """Whether it is the first that its key can have."""
    return one.attempt == 1 and one.step == 1


def _sum_up(sums: Sums, taken: Entry, sign: int) -> None:
    count, amount_micros = sums.get(taken.currency, (0, 0))
    sums[taken.currency] = (count + sign, amount_micros + sign * taken.amount_micros)
    if sums[taken.currency] == (0, 0):
        del sums[taken.currency]


def _chunks_of_followed_keys(connection: Connection) -> Iterator[list[bytes]]:
    """The keys of which there is more than a beginning, in order; the unique index alone answers that.

    It also answers when that index is gone, which lets the same step of a key be there twice.
    """
    more = or_(func.count() > 1, func.min(entry.c.attempt) != 1, func.min(entry.c.step) != 1)
    query = select(entry.c.key).group_by(entry.c.key).having(more).order_by(entry.c.key)
    with connection.execute(query.execution_options(yield_per=_STREAM_CHUNK)) as rows:
        keys = (key for (key,) in rows if type(key) is bytes)
        while chunk := list(islice(keys, _KEYS_PER_CHUNK)):
            yield chunk
