"""``farebox rules``: a file in, versions kept, and an answer to "what would happen"."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge.store.database import Database, now_micros
from edge.store.rulesets import find_draft, save_draft
from edge.store.sites import find_site
from tests.cli.conftest import Farebox

RULES = """
[[rule]]
name = "images"
where = "/images/*"
action = "block"

[[rule]]
name = "long reads"
who = { kind = "training" }
where = "/articles/*"
action = "charge"
price = "USD 0.005"
licence = "ai-train"

[default]
action = "allow"
"""
HIDDEN = RULES.replace('name = "images"\nwhere = "/images/*"', 'name = "all"\nwhere = "/*"')


@pytest.fixture
def file(workplace: Path) -> str:
    (workplace / "rules.toml").write_text(RULES)
    return "rules.toml"


def apply(farebox: Farebox, file: str, *words: str) -> None:
    result = farebox("rules", "apply", file, "--site", "news.example", "--publish", *words)
    assert result.code == 0, result.err


def test_published_rules_are_live_and_shown_in_order(news: Farebox, file: str) -> None:
    assert news("rules", "history", "--site", "news.example", "--json").json == []
    apply(news, file, "--note", "spring")
    lines = news("rules", "show", "--site", "news.example").out.splitlines()
    assert [line.split()[1] for line in lines[1:]] == ["images", "long", "everything"]
    assert "USD 0.005" in lines[2]
    (version,) = news("rules", "history", "--site", "news.example", "--json").json
    assert (version["version"], version["live"], version["note"], version["rules"]) == (1, True, "spring", 2)


def test_what_a_rule_says_besides_is_shown_as_words(news: Farebox, file: str, workplace: Path) -> None:
    when = 'when = { days = ["fri", "sat"], from = "18:00", to = "24:00" }'
    more = f'{when}\nrecrawl_unchanged = true\nrate = "60/minute"'
    (workplace / file).write_text(RULES.replace('licence = "ai-train"', f'licence = "ai-train"\n{more}'))
    apply(news, file)
    shown = news("rules", "show", "--site", "news.example").out
    assert "when fri, sat 18:00-24:00" in shown
    assert "recrawl_unchanged, rate 60/minute" in shown


def test_without_publish_they_become_the_draft_and_nothing_changes(news: Farebox, file: str) -> None:
    saved = news("rules", "apply", file, "--site", "news.example")
    assert saved.code == 0
    assert "--publish" in saved.out
    assert news("rules", "history", "--site", "news.example", "--json").json == []
    assert "long reads" in news("rules", "show", "--site", "news.example", "--draft").out
    assert "long reads" not in news("rules", "show", "--site", "news.example").out


def test_a_draft_that_somebody_is_editing_is_not_overwritten_by_chance(
    news: Farebox, file: str, workplace: Path
) -> None:
    assert news("rules", "apply", file, "--site", "news.example").code == 0
    database = Database.open(f"sqlite:///{workplace / 'farebox.db'}")
    with database.write() as connection:
        site_id = find_site(connection, "news.example").site_id
        draft = find_draft(connection, site_id)
        assert draft is not None
        save_draft(connection, site_id, draft.rules, draft.revision, "editor@news.example", now_micros())
    database.close()
    refused = news("rules", "apply", file, "--site", "news.example")
    assert refused.code == 1
    assert "editor@news.example has a draft open" in refused.err
    assert "--replace-draft" in refused.err
    assert news("rules", "apply", file, "--site", "news.example", "--replace-draft").code == 0


def test_going_back_publishes_the_old_rules_as_a_new_version(news: Farebox, file: str, workplace: Path) -> None:
    apply(news, file)
    (workplace / "free.toml").write_text('[default]\naction = "allow"\n')
    apply(news, "free.toml")
    assert news("rules", "rollback", "1", "--site", "news.example", "--json").json["version"] == 3
    assert "long reads" in news("rules", "show", "--site", "news.example").out
    assert "long reads" not in news("rules", "show", "--site", "news.example", "--version", "2").out
    missing = news("rules", "rollback", "9", "--site", "news.example")
    assert missing.code == 1
    assert "no version 9" in missing.err


@pytest.mark.parametrize(("words", "name"), [((), "again.toml"), (("--json",), "again.json")])
def test_an_export_reads_back_to_the_same_rules(
    news: Farebox, file: str, workplace: Path, words: tuple[str, ...], name: str
) -> None:
    apply(news, file)
    before = news("rules", "show", "--site", "news.example", "--json").json
    (workplace / name).write_text(news("rules", "export", "--site", "news.example", *words).out)
    apply(news, name)
    assert news("rules", "show", "--site", "news.example", "--json").json == before


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (RULES.replace("0.005", "0,005"), "rule 2 ('long reads'), price"),
        (RULES.replace("price", "prise"), "unknown key prise"),
        (RULES.replace("USD", "EUR"), "prices are in USD"),
        ("[[rule]]", "[default]"),
        ("= = =", "this is not TOML"),
    ],
)
def test_a_wrong_file_is_refused_by_rule_and_key(news: Farebox, workplace: Path, text: str, sentence: str) -> None:
    (workplace / "wrong.toml").write_text(text)
    for words in (("apply", "wrong.toml", "--site", "news.example", "--publish"), ("lint", "wrong.toml")):
        result = news("rules", *words)
        assert (result.code, result.out) == (1, "")
        assert sentence in result.err
        assert "wrong.toml" in result.err


def test_a_missing_file_is_named(news: Farebox) -> None:
    result = news("rules", "lint", "nowhere.toml")
    assert result.code == 1
    assert "nowhere.toml cannot be read" in result.err


def test_lint_fails_for_a_rule_that_can_never_decide_and_apply_warns(news: Farebox, workplace: Path) -> None:
    (workplace / "hidden.toml").write_text(HIDDEN)
    result = news("rules", "lint", "hidden.toml")
    assert result.code == 1
    assert "Rule 2 (long reads) can never decide, because rule 1 (all) always does" in result.err
    applied = news("rules", "apply", "hidden.toml", "--site", "news.example", "--publish")
    assert applied.code == 0
    assert "warning: Rule 2" in applied.err
    assert news("rules", "lint", "--site", "news.example").code == 1


def test_lint_passes_good_rules_in_the_currency_that_is_named(news: Farebox, file: str, workplace: Path) -> None:
    assert news("rules", "lint", file).code == 0
    (workplace / "euro.toml").write_text(RULES.replace("USD", "EUR"))
    assert news("rules", "lint", "euro.toml", "--currency", "EUR").code == 0
    assert news("rules", "lint", "euro.toml", "--site", "news.example").code == 1
    assert news("rules", "lint").code == 2


URL = "https://news.example/articles/one"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def ask(farebox: Farebox, *words: str) -> Any:
    result = farebox("rules", "test", URL, "--site", "news.example", *words, "--json")
    assert result.code == 0, result.err
    return result.json


def test_a_bot_without_an_offer_is_asked_for_the_price(shop: Farebox, file: str) -> None:
    apply(shop, file)
    answer = ask(shop, "--user-agent", "GPTBot/1.3")
    assert (answer["decision"], answer["because"], answer["status"]) == ("demand_payment", "payment_required", 402)
    assert {"name": "crawler-price", "value": "USD 0.005"} in answer["headers"]
    assert answer["chain"] == [
        {"position": 1, "rule": "images", "answer": "does not cover this address, only /images/*"},
        {"position": 2, "rule": "long reads", "answer": "decides"},
    ]


@pytest.mark.parametrize(
    ("words", "decision", "because"),
    [
        (("--crawler", "examplebot", "--offer", "USD 0.01"), "charge", "the offer covers the price"),
        (("--crawler", "ExampleBot", "--offer", "USD 0.004"), "demand_payment", "max_price_too_low"),
        (("--crawler", "ExampleBot", "--offer", "USD 0.01", "--exact"), "demand_payment", "exact_price_differs"),
        (("--user-agent", "GPTBot/1.3", "--offer", "USD 0.01"), "refuse", "signature_required"),
        (("--user-agent", "CCBot/2.0", "--method", "POST"), "refuse", "method_not_allowed"),
        (("--user-agent", FIREFOX), "admit", "visitor"),
    ],
)
def test_the_answer_is_what_the_edge_would_do(
    shop: Farebox, file: str, words: tuple[str, ...], decision: str, because: str
) -> None:
    apply(shop, file)
    answer = ask(shop, *words)
    assert answer["decision"] == decision
    assert str(answer["because"]).startswith(because)


def test_a_suspended_crawler_is_refused(shop: Farebox, file: str) -> None:
    apply(shop, file)
    assert shop("crawler", "suspend", "ExampleBot").code == 0
    answer = ask(shop, "--crawler", "ExampleBot", "--offer", "USD 0.01")
    assert str(answer["because"]).startswith("account_suspended")


def test_a_token_is_rehearsed_and_the_port_stays(shop: Farebox, file: str) -> None:
    apply(shop, file)
    words = ("https://news.example:8443/articles/1", "--site", "news.example", "--crawler", "ExampleBot", "--token")
    answer = json.loads(shop("rules", "test", *words, "--offer", "USD 1", "--json").out)
    assert (answer["decision"], answer["who"]) == ("charge", "ExampleBot, token")
    assert "https://news.example:8443/articles/1" in answer["curl"]
    assert "Bearer farebox_" in answer["curl"]


def test_people_read_the_same_with_headers_and_a_command_to_try(shop: Farebox, file: str) -> None:
    apply(shop, file)
    shown = shop("rules", "test", "/images/chart.png", "--site", "news.example", "--user-agent", "GPTBot").out
    assert "crawler_blocked" in shown
    assert "crawler-error: CrawlerForbidden" in shown
    assert "curl --include" in shown


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ((URL, "--site", "other.example"), 1, "farebox site list"),
        (("https://other.example/x", "--site", "news.example"), 2, "not on news.example"),
        ((URL, "--site", "news.example", "--crawler", "Nobody"), 1, "give --user-agent"),
        ((URL, "--site", "news.example", "--offer", "1 cent"), 2, "write it like 'USD 0.01'"),
        ((URL, "--site", "news.example", "--crawler", "ExampleBot", "--user-agent", "x"), 2, "give one of them"),
        ((URL, "--site", "news.example", "--token"), 2, "name it with --crawler"),
    ],
)
def test_a_question_that_cannot_be_asked_says_why(
    shop: Farebox, words: tuple[str, ...], code: int, sentence: str
) -> None:
    result = shop("rules", "test", *words)
    assert (result.code, result.out) == (code, "")
    assert sentence in result.err


def test_the_json_of_show_is_the_stored_document(news: Farebox, file: str) -> None:
    apply(news, file)
    document = json.loads(news("rules", "show", "--site", "news.example", "--json").out)
    assert [rule["name"] for rule in document["rules"]] == ["images", "long reads"]
