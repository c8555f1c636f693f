"""``farebox token``."""

from __future__ import annotations

from tests.cli.conftest import Farebox


def test_a_token_is_shown_once_and_taken_back(farebox: Farebox) -> None:
    made = farebox("token", "add", "billing", "--json").json
    assert made["token"].startswith("fbo_")
    assert farebox("token", "add", "billing").code == 1
    assert farebox("token", "add", "reader", "--read-only").out.startswith("token: fbo_")
    rows = farebox("token", "list", "--json").json
    assert [(row["name"], row["may"]) for row in rows] == [("billing", "credit"), ("reader", "read")]
    assert made["token"] not in farebox("token", "list").out
    assert farebox("token", "revoke", "billing").out == "the token billing opens nothing any more\n"
    assert farebox("token", "revoke", "billing").code == 1
    assert farebox("token", "revoke", "nobody").code == 1
