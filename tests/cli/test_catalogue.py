"""What is known of a User-Agent, on the command line."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Farebox

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
    "Mobile/15E148 Safari/604.1"
)


def test_a_user_agent_is_identified_with_what_can_prove_it(farebox_anywhere: Farebox) -> None:
    facts = farebox_anywhere("catalogue", "identify", "CCBot/2.0 (https://commoncrawl.org/faq/)", "--json").json
    assert (facts["taken_for"], facts["kind"], facts["operator"]) == ("CCBot", "training", "Common Crawl")
    assert facts["evidence"] == ["address", "reverse-dns"]
    person = farebox_anywhere("catalogue", "identify", IPHONE, "--json").json
    assert (person["taken_for"], person["device"], person["system"]) == ("a person", "iPhone", "iOS")


def test_the_known_crawlers_are_listed_by_kind(farebox_anywhere: Farebox) -> None:
    rows = farebox_anywhere("catalogue", "list", "--kind", "archiver", "--json").json
    assert "archive.org_bot" in {row["name"] for row in rows}
    assert {row["kind"] for row in rows} == {"archiver"}


def test_own_entries_come_from_the_file_that_the_settings_name(farebox_anywhere: Farebox, workplace: Path) -> None:
    (workplace / "farebox.toml").write_text('catalogue_file = "own.toml"\n')
    missing = farebox_anywhere("catalogue", "identify", "Harvester/1")
    assert (missing.code, "own.toml cannot be read" in missing.err) == (1, True)
    (workplace / "own.toml").write_text('[[crawler]]\ntoken = "harvester"\nkind = "training"\n')
    assert farebox_anywhere("catalogue", "identify", "Harvester/1", "--json").json["kind"] == "training"
    (workplace / "own.toml").write_text('[[crawler]]\ntokens = "harvester"\n')
    assert "crawler 1: unknown tokens" in farebox_anywhere("catalogue", "identify", "Harvester/1").err
