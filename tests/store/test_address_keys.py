"""The keys of addresses: one a day, shared by all processes, and gone when the next day is over."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from edge.store.address_keys import AddressKeys

DAY = 86_400_000_000
NOON = 1_795_000_000_000_000 // DAY * DAY + DAY // 2


def test_all_processes_of_one_directory_share_the_days_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        keys = list(threads.map(lambda _: AddressKeys(tmp_path).at(NOON), range(16)))
    assert len(set(keys)) == 1
    assert len(keys[0]) == 32


def test_each_utc_day_has_a_key_of_its_own(tmp_path: Path) -> None:
    keys = AddressKeys(tmp_path)
    midnight = NOON + DAY // 2
    assert keys.at(NOON) == keys.at(midnight - 1)
    assert keys.at(midnight) != keys.at(midnight - 1)


def test_a_key_is_deleted_when_the_day_after_its_own_is_over(tmp_path: Path) -> None:
    keys = AddressKeys(tmp_path)
    first = keys.at(NOON)
    keys.at(NOON + DAY)
    assert AddressKeys(tmp_path).at(NOON) == first
    keys.at(NOON + 2 * DAY)
    assert len(list((tmp_path / "address-keys").iterdir())) == 2
    assert AddressKeys(tmp_path).at(NOON) != first


def test_nobody_but_the_owner_can_read_a_key(tmp_path: Path) -> None:
    AddressKeys(tmp_path).at(NOON)
    directory = tmp_path / "address-keys"
    assert [oct(path.stat().st_mode & 0o777) for path in (directory, *directory.iterdir())] == ["0o700", "0o600"]


def test_where_nothing_can_be_written_a_process_has_a_key_for_the_day_itself(tmp_path: Path) -> None:
    (tmp_path / "address-keys").write_text("in the way")
    keys = AddressKeys(tmp_path)
    assert keys.at(NOON) == keys.at(NOON + 1)
    assert keys.at(NOON) != AddressKeys(tmp_path).at(NOON)
