"""The disk that loses its power, and the recording that is played to it: they leave neither too much nor too little."""

from __future__ import annotations

from pathlib import Path
from random import Random

from edge.core.ledger_operations import Post
from edge.store.charges import Ledger
from edge.store.database import Database
from tests.support.books import Books, Reports
from tests.support.crash_disk import CrashDisk, Create, Delete, Event, Files, Image, Sync, Truncate, Write
from tests.support.recording_vfs import files_of, recorded

TRIES = 300
OLD, NEW = b"o" * 8192, b"n" * 8192


def images(files: Files, *events: Event) -> list[Image]:
    disk = CrashDisk(files)
    for event in events:
        disk.take(event)
    return [disk.image(Random(seed)) for seed in range(TRIES)]


def contents(files: Files, *events: Event, name: str = "") -> set[bytes]:
    return {image.files[name] for image in images(files, *events)}


def test_what_was_synced_is_there_whatever_happens() -> None:
    assert contents({"": OLD}, Write(0, 0, NEW), Sync(0)) == {NEW}
    assert contents({"": OLD}, Write(0, 0, NEW), Truncate(0, 512), Sync(0)) == {NEW[:512]}
    assert contents({"": OLD}, Write(0, 8192, b"more"), Sync(0)) == {OLD + b"more"}


def test_what_was_not_synced_may_be_kept_lost_or_torn_between_sectors() -> None:
    found = contents({"": OLD}, Write(0, 100, NEW[:6000]))
    assert {OLD, OLD[:100] + NEW[:6000] + OLD[6100:]} < found
    for content in found:
        assert len(content) == len(OLD)
        changes = [place for place in range(1, len(content)) if content[place] != content[place - 1]]
        assert all(place % 512 == 0 or place in (100, 6100) for place in changes)


def test_a_sync_of_another_file_is_no_help() -> None:
    files = {"": OLD, "-wal": OLD}
    assert contents(files, Write(0, 0, NEW), Write(1, 0, NEW), Sync(1), name="-wal") == {NEW}
    assert OLD in contents(files, Write(0, 0, NEW), Write(1, 0, NEW), Sync(1))


def test_later_writes_may_be_kept_without_the_earlier_ones() -> None:
    first, second = Write(0, 0, b"1" * 512), Write(0, 512, b"2" * 512)
    found = {(content[:1], content[512:513]) for content in contents({"": OLD}, first, second)}
    assert found == {(b"o", b"o"), (b"1", b"o"), (b"o", b"2"), (b"1", b"2")}


def test_a_file_that_grew_may_have_any_length_up_to_there_with_anything_in_it() -> None:
    found = contents({"": b""}, Write(0, 0, NEW))
    lengths = {len(content) for content in found}
    assert {0, len(NEW)} < lengths
    assert max(lengths) == len(NEW)
    assert any(content.rstrip(b"\0") == b"" for content in found if content)
    assert any(set(content) - set(b"\0n") for content in found)


def test_a_cut_that_was_not_synced_may_not_have_happened() -> None:
    assert contents({"": OLD}, Truncate(0, 512)) == {OLD, OLD[:512]}


def test_a_new_file_is_certain_once_it_was_synced() -> None:
    born = (Create("-wal", 1), Write(1, 0, NEW))
    assert {"-wal" in image.files for image in images({"": OLD}, *born)} == {True, False}
    assert contents({"": OLD}, *born, Sync(1), name="-wal") == {NEW}


def test_a_deleted_file_may_come_back_unless_its_folder_was_synced() -> None:
    files = {"": OLD, "-wal": NEW}
    assert {"-wal" in image.files for image in images(files, Delete("-wal", durable=False))} == {True, False}
    assert {"-wal" in image.files for image in images(files, Delete("-wal", durable=True))} == {False}


def test_a_new_file_of_an_old_name_is_another_file() -> None:
    files = {"": OLD, "-wal": b"first"}
    anew = (Delete("-wal", durable=False), Create("-wal", 2), Write(2, 0, b"second"))
    assert contents(files, *anew, Sync(2), name="-wal") == {b"second"}
    assert b"first" in {image.files.get("-wal") for image in images(files, *anew)}


def test_a_recording_holds_everything_that_reached_the_disk(sqlite_shop_url: str) -> None:
    path = Path(sqlite_shop_url.removeprefix("sqlite:///"))
    with recorded(path) as recording:
        database = Database.open(sqlite_shop_url, serving=True)
        books = Books.open(database)
        ledger = Ledger.open(database, node="test", report=Reports())
        crawler = books.crawler(1, limit_pages=10)
        ledger.submit(Post(books.order(crawler))).result()
        ledger.close()  # its thread writes leases and marks by itself; the log stays until the database is closed
        during = replayed(recording.files, recording.events)
        assert during == files_of(path)
        database.close()
    assert replayed(recording.files, recording.events) == files_of(path) != during
    assert set(during) == {"", "-wal"}


def replayed(files: Files, events: list[Event]) -> dict[str, bytes]:
    """The files when everything was synced, and their names too."""
    disk = CrashDisk(files)
    numbers = {event.file for event in events if isinstance(event, Write)}
    for event in events:
        disk.take(event)
    for number in numbers:
        disk.take(Sync(number))
    disk.take(Delete("-nothing", durable=True))
    return disk.image(Random(0)).files
