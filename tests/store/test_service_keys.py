"""Service keys: made once, private, and never forgotten."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from edge.core.keys import private_key_to_pem
from edge.store.service_keys import ServiceKeyProblem, load_service_keys, rotate_service_keys

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_the_first_use_makes_a_key_and_every_later_use_finds_it(tmp_path: Path) -> None:
    first = load_service_keys(tmp_path)
    assert load_service_keys(tmp_path).current.public == first.current.public
    assert len(first.keys) == 1


def test_only_the_owner_can_read_key_and_directory(tmp_path: Path) -> None:
    path = load_service_keys(tmp_path / "data").current.path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: load_service_keys(tmp_path).current.public.thumbprint, range(16)))
    assert len(found) == 1
    assert len(list((tmp_path / "keys").iterdir())) == 1


def test_a_rotation_signs_with_the_new_key_and_keeps_the_old_one(tmp_path: Path) -> None:
    old = load_service_keys(tmp_path).current
    keys = rotate_service_keys(tmp_path, NOON)
    assert keys.current.public != old.public
    assert old.public.thumbprint in keys.by_thumbprint
    assert load_service_keys(tmp_path).current.public == keys.current.public


def test_the_published_set_holds_every_key_and_no_private_half(tmp_path: Path) -> None:
    rotate_service_keys(tmp_path, NOON)
    keys = rotate_service_keys(tmp_path, NOON.replace(hour=13))
    published = orjson.loads(keys.jwks())["keys"]
    assert [jwk["kid"] for jwk in published] == [key.public.thumbprint for key in reversed(keys.keys)]
    assert not any("d" in jwk for jwk in published)


def test_a_key_that_others_can_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = load_service_keys(tmp_path).current.path
    path.chmod(0o644)
    with pytest.raises(ServiceKeyProblem, match="chmod 600"):
        load_service_keys(tmp_path)


def test_a_file_that_is_not_a_key_is_named(tmp_path: Path) -> None:
    path = load_service_keys(tmp_path).current.path
    path.write_bytes(private_key_to_pem(load_service_keys(tmp_path).current.private)[:60])
    with pytest.raises(ServiceKeyProblem, match=path.name):
        load_service_keys(tmp_path)


def test_a_directory_that_cannot_be_made_is_named_with_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ServiceKeyProblem, match="FAREBOX_DATA_DIR"):
        load_service_keys(tmp_path / "file")
