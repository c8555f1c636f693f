"""``farebox checkpoint``, and ``farebox verify`` against what was signed: here, and from a copy elsewhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from edge.core.checkpoint import Checkpoint, stated_number, verify_checkpoint
from edge.store.database import sqlite_module
from edge.store.service_keys import known_public_keys
from tests.cli.conftest import Farebox
from tests.cli.ledger import sell


def test_a_checkpoint_is_signed_kept_and_made_only_when_there_is_something_new(shop: Farebox, workplace: Path) -> None:
    sell(workplace, 5000)
    made = shop("checkpoint")
    assert made.code == 0, made.err
    assert made.out.startswith("checkpoint 1: 2 writers, heads ")
    assert "kept in farebox-data/checkpoints.jws" in made.out
    again = shop("checkpoint")
    assert again.out.startswith("nothing was written since checkpoint 1\n")
    token = shop("checkpoint", "--token").out.strip()
    assert (workplace / "farebox-data" / "checkpoints.jws").read_text() == f"{token}\n"
    assert isinstance(verify_checkpoint(token, known_public_keys(workplace / "farebox-data")), Checkpoint)


def test_json_says_what_was_signed(shop: Farebox, workplace: Path) -> None:
    said = shop("checkpoint", "--json").json
    assert (said["made"], said["claims"]["number"], stated_number(said["token"])) == (True, 1, 1)
    said = shop("checkpoint", "--json").json
    assert (said["made"], said["claims"], stated_number(said["token"])) == (False, None, 1)


def test_empty_books_have_nothing_to_sign(farebox: Farebox) -> None:
    assert farebox("checkpoint").out == "nothing was ever written: there is nothing to sign\n"


def test_verify_counts_the_checkpoints_that_hold(shop: Farebox, workplace: Path) -> None:
    shop("checkpoint")
    sell(workplace, 5000)
    shop("checkpoint")
    result = shop("verify")
    assert result.code == 0, result.out
    assert "2 signed checkpoints lie on the chains, 2 of them kept in the file too" in result.out
    assert shop("verify", "--json").json["checkpoints"] == 2


def test_an_old_copy_of_the_books_is_found_by_the_kept_file(
    shop: Farebox, workplace: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    shop("checkpoint")
    shutil.copyfile(workplace / "farebox.db", elsewhere / "old.db")
    sell(workplace, 5000)
    shop("checkpoint")
    shutil.copyfile(workplace / "farebox-data" / "checkpoints.jws", elsewhere / "kept.jws")
    (elsewhere / "jwks.json").write_text(shop("keys", "show", "--json").out)
    for name in ("farebox.db-wal", "farebox.db-shm"):
        (workplace / name).unlink(missing_ok=True)
    shutil.copyfile(elsewhere / "old.db", workplace / "farebox.db")
    shutil.rmtree(workplace / "farebox-data")
    keys = ("--keys", str(elsewhere / "jwks.json"))
    assert shop("verify", *keys).code == 0, "the copy agrees with itself"
    found = shop("verify", *keys, "--checkpoints", str(elsewhere / "kept.jws"))
    assert found.code == 1
    assert "checkpoint 2 in " in found.out
    assert "is not in the database" in found.out


def test_a_checkpoint_of_a_key_that_is_gone_is_named(shop: Farebox, workplace: Path) -> None:
    shop("checkpoint")
    shutil.rmtree(workplace / "farebox-data" / "keys")
    result = shop("verify")
    assert result.code == 1
    assert "I6: checkpoint 1: is signed with a key that is not in the key set" in result.out
    assert not (workplace / "farebox-data" / "keys").exists(), "verifying makes no key"


def test_books_that_are_not_what_was_signed_are_not_signed_again(shop: Farebox, workplace: Path) -> None:
    shop("checkpoint")
    sell(workplace, 5000)
    old = json.loads(shop("verify", "--json").out)["heads"][0]
    with sqlite_module().connect(workplace / "farebox.db") as connection:
        connection.execute("DROP TRIGGER batch_no_update")
        connection.execute("UPDATE batch SET hash = zeroblob(32) WHERE writer_id = ?", [old["writer"]])
    connection.close()
    result = shop("checkpoint")
    assert result.code == 1
    assert "batch 1/1" in result.err
    assert "farebox verify" in result.err


def test_a_kept_file_that_is_not_there_is_no_fault_of_the_books(shop: Farebox) -> None:
    result = shop("verify", "--checkpoints", "nowhere.jws")
    assert (result.code, result.out) == (1, "")
    assert "nowhere.jws cannot be read" in result.err
