"""``farebox publisher``: who earns, and the operator's share of it."""

from __future__ import annotations

from tests.cli.conftest import Farebox


def test_a_publisher_is_added_with_the_operators_share(farebox: Farebox) -> None:
    added = farebox("publisher", "add", "Daily", "--email", "a@daily.example", "--share", "12.5%", "--json").json
    assert (added["share"], added["share_ppm"]) == ("12.5%", 125_000)
    assert "12.5%" in farebox("publisher", "list").out


def test_the_share_is_nothing_until_it_is_set(news: Farebox) -> None:
    assert news("publisher", "list", "--json").json[0]["share"] == "0%"
    assert "10.25%" in news("publisher", "set", "example news", "--share", "10.25%").out
    assert news("publisher", "list", "--json").json[0]["share_ppm"] == 102_500


def test_a_share_that_is_none_says_how_to_write_one(news: Farebox) -> None:
    for text in ("12.5", "101%", "-3%"):
        refused = news("publisher", "set", "Example News", f"--share={text}")
        assert refused.code == 2
        assert "share" in refused.err
    assert news("publisher", "set", "Nobody", "--share", "1%").code == 1


def test_the_letterhead_is_set_line_by_line_changed_alone_and_taken_away(news: Farebox) -> None:
    def known() -> dict[str, object]:
        found: dict[str, object] = news("publisher", "list", "--json").json[0]
        return found

    before = known()
    lines = ("--letterhead", " 1 Quay Street", "--letterhead", "VAT GB123456789")
    assert "2 lines below the name Example News" in news("publisher", "set", "Example News", *lines).out
    assert known() == {**before, "letterhead": "1 Quay Street\nVAT GB123456789"}
    assert news("publisher", "set", "Example News", "--email", "new@news.example").code == 0
    assert known()["letterhead"] == "1 Quay Street\nVAT GB123456789"
    assert news("publisher", "set", "Example News", "--letterhead", "x" * 500).code == 1
    assert "nothing below" in news("publisher", "set", "Example News", "--letterhead", "").out
    assert known()["letterhead"] == ""
    assert "--letterhead" in news("publisher", "set", "Example News").err
