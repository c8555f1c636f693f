"""``farebox person``, and the address of a publisher."""

from __future__ import annotations

from pathlib import Path

from edge.store.database import Database
from edge.store.rulesets import history
from edge.store.sites import find_site
from tests.cli.conftest import Farebox

EMAIL = "o@news.example"
RULES = '[default]\naction = "allow"\n'


def add(news: Farebox, email: str = EMAIL, role: str = "owner") -> None:
    assert news("user", "add", email, "--publisher", "Example News", "--role", role, "--json").code == 0


def test_export_prints_what_is_kept(news: Farebox) -> None:
    add(news)
    exported = news("person", "export", EMAIL.upper()).json
    assert exported["name"] == EMAIL
    assert set(exported["kept"]) == {"person.email", "membership.person_id", "audit_event.subject"}
    assert exported["kept"]["person.email"]["when_erased"] == "row deleted"
    assert exported["kept"]["membership.person_id"]["rows"][0]["role"] == "owner"


def test_export_of_nobody_fails(news: Farebox) -> None:
    result = news("person", "export", EMAIL)
    assert (result.code, result.out) == (1, "")
    assert "nothing is kept" in result.err


def test_the_last_owner_is_not_erased_without_yes(news: Farebox) -> None:
    add(news)
    refused = news("person", "erase", EMAIL)
    assert (refused.code, refused.out) == (1, "")
    assert "last owner of Example News" in refused.err
    erased = news("person", "erase", EMAIL, "--yes", "--json").json
    assert erased["changed"] == {"membership.person_id": 1, "person.email": 1, "audit_event.subject": 1}
    assert news("person", "export", EMAIL).code == 1


def test_erase_says_what_it_kept_and_what_to_do_about_it(news: Farebox) -> None:
    add(news)
    add(news, "owner@news.example")
    erased = news("person", "erase", "owner@news.example")
    assert erased.code == 0
    assert "kept" in erased.out
    assert "publisher.email: 1" in erased.out
    assert "farebox publisher set NAME --email" in erased.err
    assert news("publisher", "set", "Example News", "--email", EMAIL).code == 0
    assert news("person", "export", "owner@news.example").code == 1


def test_somebody_who_uses_commands_becomes_a_pseudonym(news: Farebox, workplace: Path) -> None:
    (workplace / "rules.toml").write_text(RULES)
    assert news("rules", "apply", "rules.toml", "--site", "news.example", "--publish").code == 0
    publisher = news("rules", "history", "--site", "news.example", "--json").json[0]["published_by"]
    name = publisher.removesuffix(" (command line)")
    pseudonym = news("person", "erase", name, "--json").json["pseudonym"]
    database = Database.open(f"sqlite:///{workplace / 'farebox.db'}")
    with database.read() as connection:
        assert history(connection, find_site(connection, "news.example").site_id)[0].published_by == pseudonym
    database.close()


def test_a_publisher_is_changed_only_where_told(news: Farebox) -> None:
    assert news("publisher", "set", "Example News").code == 2
    both = news("publisher", "set", "Example News", "--email", "b@news.example", "--share", "5%", "--json").json
    assert (both["email"], both["share"]) == ("b@news.example", "5%")
    assert news("publisher", "set", "Example News", "--share", "6%", "--json").json["email"] == "b@news.example"
    assert news("publisher", "set", "Example News", "--email", "nonsense").code == 1
    assert news("publisher", "set", "Nobody", "--email", "b@news.example").code == 1
