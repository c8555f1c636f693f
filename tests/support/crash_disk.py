"""A disk that loses its power: what was written to a database's files, and what of it a crash may leave.

Rules of this file
- What was written to a file before its last sync is there, whole and in place. Of what came later each write is kept,
  lost or torn at the disk's sectors, for itself: a disk may do its work in any order.
- The length of a file that was not synced since it grew is the disk's choice; what was never written reads as zeros or
  as rubbish from the file that had the place before.
- A sector is written whole or not at all, and its neighbours stay as they were: what SQLite relies on by default
  (SQLITE_IOCAP_POWERSAFE_OVERWRITE).
- New and deleted names are kept in order, up to some point. Syncing a new file makes its name durable, because SQLite
  then syncs the folder as well; a deletion is durable at once only when SQLite asked for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, assert_never

SECTOR_BYTES = (512, 4096)


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes for a file, by its number: a name that is deleted and made anew is another file."""

    file: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    """A file's new length."""

    file: int
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """Everything written to a file so far is on the disk."""

    file: int


@dataclass(frozen=True, slots=True)
class Create:
    """A new file; ``name`` is what follows the database's own name, such as ``-wal``."""

    name: str
    file: int


@dataclass(frozen=True, slots=True)
class Delete:
    """A name goes away; ``durable`` when the folder was synced too."""

    name: str
    durable: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened outside of the disk at this moment, such as an answer that went out."""

    what: Any


Event = Write | Truncate | Sync | Create | Delete | Mark
Files = Mapping[str, bytes]
"""What a folder holds: contents by what follows the database's own name."""


@dataclass(slots=True)
class Image:
    """What a power loss left. The counts say what became of the changes that no sync had covered."""

    files: dict[str, bytes] = field(default_factory=dict)
    kept: int = 0
    lost: int = 0
    torn: int = 0
    unsynced: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        sizes = ", ".join(f"main{name} {len(content):,} bytes" for name, content in self.files.items())
        return f"{self.kept} unsynced changes kept, {self.lost} lost, {self.torn} torn; {sizes}"


class CrashDisk:
    """Takes a recording event by event; at any moment ``image`` says what a power loss might leave."""

    def __init__(self, files: Files) -> None:
        self._durable = {number: bytearray(content) for number, content in enumerate(files.values())}
        self._pending: dict[int, list[Write | Truncate]] = {number: [] for number in self._durable}
        self._names = {name: number for number, name in enumerate(files)}
        self._renamed: list[Create | Delete] = []

    def take(self, event: Event) -> None:
        """Let one event happen."""
        match event:
            case Write(file) | Truncate(file):
                self._pending[file].append(event)
            case Sync(file):
                self._sync(file)
            case Create(_, file):
                self._durable[file], self._pending[file] = bytearray(), []
                self._renamed.append(event)
            case Delete(_, durable):
                self._renamed.append(event)
                if durable:
                    self._sync_names()
            case Mark():
                pass
            case _:
                assert_never(event)

    def image(self, chance: Random) -> Image:
        """Lose the power now; ``chance`` decides what the disk had got to."""
        image, luck = Image(), _Luck.draw(chance)
        names = _named(self._names, self._renamed[: chance.randint(0, len(self._renamed))])
        for name, file in names.items():
            if self._pending[file]:
                image.unsynced.add(name)
            image.files[name] = _survive(self._durable[file], self._pending[file], luck, image)
        return image

    def _sync(self, file: int) -> None:
        content = self._durable[file]
        for change in self._pending[file]:
            _apply(content, change)
        self._pending[file].clear()
        if any(isinstance(event, Create) and event.file == file for event in self._renamed):
            self._sync_names()

    def _sync_names(self) -> None:
        self._names = _named(self._names, self._renamed)
        self._renamed.clear()


@dataclass(frozen=True, slots=True)
class _Luck:
    """How far one disk had got: drawn anew for each image, so that some lose everything and some next to nothing."""

    chance: Random
    keeps: float
    tears: float
    sector_bytes: int

    @classmethod
    def draw(cls, chance: Random) -> _Luck:
        keeps = chance.choice((0.0, 0.2, 0.5, 0.8, 0.95, 1.0))
        tears = chance.choice((0.0, 0.1, 0.5))
        return cls(chance, keeps, tears, chance.choice(SECTOR_BYTES))

    def comes(self, likelihood: float) -> bool:
        return self.chance.random() < likelihood


def _named(names: Mapping[str, int], changes: Iterable[Create | Delete]) -> dict[str, int]:
    after = dict(names)
    for change in changes:
        if isinstance(change, Create):
            after[change.name] = change.file
        else:
            after.pop(change.name, None)
    return after


def _survive(durable: bytearray, pending: list[Write | Truncate], luck: _Luck, image: Image) -> bytes:
    content = bytearray(durable)
    for change in pending:
        if isinstance(change, Write) and luck.comes(luck.tears):
            image.torn += 1
            for piece in _sectors(change, luck.sector_bytes):
                if luck.comes(0.5):
                    _apply(content, piece)
        elif luck.comes(luck.keeps):
            image.kept += 1
            _apply(content, change)
        else:
            image.lost += 1
    longest = max((change.offset + len(change.data) for change in pending if isinstance(change, Write)), default=0)
    _choose_length(content, len(durable), longest, luck)
    return bytes(content)


def _choose_length(content: bytearray, durable: int, longest: int, luck: _Luck) -> None:
    """A file that grew may have grown less than its surviving writes say, or more than them."""
    chance = luck.chance
    if len(content) > durable and luck.comes(0.2):
        del content[chance.randint(durable, len(content)) :]
    elif longest > len(content) and luck.comes(0.3):
        more = chance.randint(len(content), longest) - len(content)
        content += chance.randbytes(more) if luck.comes(0.5) else bytes(more)


def _sectors(change: Write, sector_bytes: int) -> Iterator[Write]:
    """The parts of a write that lie in one sector each."""
    start, end = change.offset, change.offset + len(change.data)
    while start < end:
        stop = min(end, (start // sector_bytes + 1) * sector_bytes)
        yield Write(change.file, start, change.data[start - change.offset : stop - change.offset])
        start = stop


def _apply(content: bytearray, change: Write | Truncate) -> None:
    if isinstance(change, Truncate):
        del content[change.size :]
        content += bytes(change.size - len(content))
    else:
        content += bytes(max(0, change.offset - len(content)))
        content[change.offset : change.offset + len(change.data)] = change.data
