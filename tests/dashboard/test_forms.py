"""Rules as forms: what is shown reads back, mistakes are all said, prices are exact."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.grants import FreePeriod
from edge.core.identity import CrawlerKind, Rung
from edge.core.money import AMOUNT_MICROS_MAX, InvalidPrice, Money
from edge.core.rates import Rate
from edge.core.rules import (
    FREE_PAGES_MAX,
    RECRAWL_HOURS_MAX,
    Action,
    LedgerErrorChoice,
    Rule,
    Who,
    Window,
)
from publisher_dashboard.forms import (
    LABELS,
    Mistakes,
    blank_form,
    read_price,
    read_rule,
    rule_days,
    rule_form,
    sentence,
)

names = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
wheres = st.sampled_from(
    [
        "*",
        "/*",
        "/a",
        "/a/*",
        "/a*",
        "/archive/:year/*",
        "*.pdf",
        "/\\*",
        "/a\\(b\\)/*",
        "/a/b.html",
        "/x\\y",
        "/a\\?b",
        "/a\\?b=*",
        "/(\\d+)/*",
    ]
)
windows = st.builds(
    Window, st.sets(st.integers(0, 6), min_size=1).map(sorted).map(tuple), st.integers(0, 1439), st.integers(1, 1440)
)
whos = st.builds(
    Who,
    st.none() | names,
    st.none() | names,
    st.none() | st.sampled_from(CrawlerKind),
    st.none() | st.sampled_from(Rung),
)
prices = st.integers(0, AMOUNT_MICROS_MAX).map(lambda micros: Money(micros, "USD"))


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    action = draw(st.sampled_from(Action))
    price = {
        Action.CHARGE: prices.filter(lambda price: price.amount_micros > 0),
        Action.MONITOR: st.none() | prices,
    }.get(action, st.none())
    blocks, sells = action is Action.BLOCK, action is Action.CHARGE
    return Rule(
        name=draw(names),
        who=draw(whos),
        where=draw(wheres),
        action=action,
        price=draw(price),
        licence=draw(st.none() | names),
        enabled=draw(st.booleans()),
        when=draw(st.none() | windows),
        query=draw(st.none() | st.sampled_from(["a=1", "format=print&b=2"])),
        on_ledger_error=draw(st.sampled_from(LedgerErrorChoice)),
        block_status=draw(st.sampled_from([402, 403])) if blocks else 403,
        block_text=draw(st.none() | names) if blocks else None,
        free_pages=draw(st.sampled_from([0, 1, 100, FREE_PAGES_MAX])) if sells else 0,
        free_period=draw(st.sampled_from(FreePeriod)) if sells else FreePeriod.MONTH,
        recrawl_hours=draw(st.none() | st.integers(1, RECRAWL_HOURS_MAX)) if sells else None,
        recrawl_unchanged=draw(st.booleans()) if sells else False,
        rate=None if blocks else draw(st.sampled_from([None, Rate(60, "minute"), Rate(1, "day")])),
    )


@given(rules())
def test_what_a_form_shows_of_a_rule_reads_back_to_the_rule(rule: Rule) -> None:
    assert read_rule(rule_form(rule), {"days": rule_days(rule)}, "USD") == rule


@given(prices)
def test_a_price_per_thousand_is_exactly_a_thousandth_per_page(price: Money) -> None:
    micros = price.amount_micros // 1000 * 1000
    text = f"{micros // 1_000_000}.{micros % 1_000_000:06d}"
    assert read_price({"price": text, "unit": "thousand"}, "USD") == Money(micros // 1000, "USD")


@pytest.mark.parametrize("text", ["0.0001", "1.0005", "0.000001"])
def test_a_price_per_thousand_that_no_page_can_have_is_refused(text: str) -> None:
    with pytest.raises(InvalidPrice, match="three decimals per 1,000"):
        read_price({"price": text, "unit": "thousand"}, "USD")


@pytest.mark.parametrize("text", ["0,005", "1e3", "EUR 1", "€1", "$ $1", "1 000", "٣", "nan", ".", "+1", "1."])
def test_an_amount_that_is_none_is_refused_never_rounded(text: str) -> None:
    with pytest.raises(InvalidPrice, match="write it like"):
        read_price({"price": text, "unit": "page"}, "USD")


def test_an_amount_may_carry_its_currency_and_spaces() -> None:
    for text in (" 0.005 ", "USD 0.005", "USD0.005", "$0.005", "$ .005", ".005"):
        assert read_price({"price": text}, "USD") == Money(5_000, "USD")
    assert read_price({"price": "  "}, "USD") is None


@pytest.mark.parametrize(
    ("mode", "address", "where"),
    [
        ("everywhere", "", "*"),
        ("everywhere", "/", "*"),
        ("starts", "/", "/*"),
        ("starts", "/articles/", "/articles/*"),
        ("starts", "/articles/*", "/articles/*"),
        ("exactly", "/a(b)*", "/a\\(b\\)\\*"),
        ("pattern", "/archive/:year/*", "/archive/:year/*"),
    ],
)
def test_an_address_is_meant_as_it_is_said(mode: str, address: str, where: str) -> None:
    form = blank_form() | {"name": "x", "where": mode, "address": address, "action": "allow"}
    assert read_rule(form, {}, "USD").where == where


@pytest.mark.parametrize(
    ("mode", "address", "words"),
    [
        ("starts", "/print?format=", "Put what follows ? into"),
        ("exactly", "/print?format=full", "Put what follows ? into"),
        ("pattern", "/print?format=full", "query"),
        ("everywhere", "/articles/", "Empty the address for any page"),
        ("starts", "", "Write how the address begins"),
        ("starts", "*", "Write how the address begins"),
        ("starts", "https://harbour.example/articles/?a=1", "Write only the path of the address: /articles/"),
        ("pattern", "http://harbour.example", "Write only the path of the address: /"),
        ("pattern", "/(a", "parenthesis"),
        ("pattern", "/a{b", "look at its parentheses, braces and names."),
    ],
)
def test_an_address_that_could_not_be_meant_is_refused_with_what_to_write(mode: str, address: str, words: str) -> None:
    form = blank_form() | {"name": "x", "where": mode, "address": address, "action": "allow"}
    with pytest.raises(Mistakes) as found:
        read_rule(form, {}, "USD")
    assert words in found.value.errors["address"]
    assert "parser error" not in found.value.errors["address"]


@pytest.mark.parametrize(
    ("text", "words"),
    [("-1", "below 0"), ("0.0000001", "six decimals"), ("1234567890", "too large"), ("-0.00000001", "below 0")],
)
def test_a_number_that_is_no_price_is_told_why(text: str, words: str) -> None:
    with pytest.raises(InvalidPrice, match=words):
        read_price({"price": text, "unit": "page"}, "USD")


def test_a_charge_of_nothing_is_told_to_be_an_allow() -> None:
    form = blank_form() | {"name": "x", "action": "charge", "price": "0"}
    with pytest.raises(Mistakes) as found:
        read_rule(form, {}, "USD")
    assert "choose Allow" in found.value.errors["price"]
    assert read_rule(form | {"action": "monitor"}, {}, "USD").price == Money(0, "USD")


def test_all_mistakes_are_said_at_once_each_with_its_field() -> None:
    wrong = blank_form() | {
        "name": "", "address": "no slash", "where": "exactly", "price": "much", "licence": "two words",
        "query": "=", "from": "25:00", "least": "certain",
    }  # fmt: skip
    with pytest.raises(Mistakes) as found:
        read_rule(wrong, {"days": ["1"]}, "USD")
    assert set(found.value.errors) == {"name", "address", "price", "licence", "query", "days", "crawler"}
    assert set(found.value.errors) <= set(LABELS)
    assert all(text.endswith((".", "!", "?")) for text in found.value.errors.values())


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"price": ""}, "price"),
        ({"free_pages": "ten"}, "free_pages"),
        ({"free_pages": "9999999999"}, "free_pages"),
        ({"recrawl_hours": "0"}, "recrawl_hours"),
        ({"recrawl_hours": "1.5"}, "recrawl_hours"),
        ({"rate": "0"}, "rate"),
        ({"rate": "6", "rate_per": "fortnight"}, "rate"),
        ({"action": ""}, "action"),
        ({"action": "sell"}, "action"),
        ({"from": "08:00"}, "days"),
        ({"action": "block", "price": "", "block_text": "x" * 501}, "block_text"),
        ({"action": "block"}, "price"),
        ({"action": "allow"}, "price"),
        ({"action": "block", "price": "", "rate": "6"}, "rate"),
        ({"block_text": "Go away."}, "block_text"),
        ({"on_ledger_error": "pray"}, "on_ledger_error"),
        ({"kind": "human"}, "crawler"),
        ({"name": "x" * 101}, "name"),
        ({"address": "/a?b"}, "address"),
    ],
)
def test_a_mistake_names_its_field(changed: dict[str, str], field: str) -> None:
    form = blank_form() | {"name": "x", "price": "1", "where": "pattern", "address": "/a"} | changed
    with pytest.raises(Mistakes) as found:
        read_rule(form, {}, "USD")
    assert set(found.value.errors) == {field}


@pytest.mark.parametrize("action", ["allow", "block", "monitor"])
def test_free_pages_with_another_action_than_charge_are_a_mistake_or_every_page_would_be_free(action: str) -> None:
    terms = {"free_pages": "100", "recrawl_hours": "24", "recrawl_unchanged": "on"}
    form = blank_form() | {"name": "x", "action": action, "where": "pattern", "address": "/a"} | terms
    with pytest.raises(Mistakes) as found:
        read_rule(form, {}, "USD")
    assert set(found.value.errors) == set(terms)
    assert all("choose Charge" in text for text in found.value.errors.values())


def test_a_number_that_is_too_large_is_called_that_and_a_rate_is_asked_for_as_the_form_takes_it() -> None:
    form = blank_form() | {"name": "x", "price": "1", "where": "pattern", "address": "/a"}
    with pytest.raises(Mistakes) as found:
        read_rule(form | {"free_pages": "99999999999", "rate": "0"}, {}, "USD")
    assert found.value.errors == {
        "free_pages": "This is too large; write a smaller number.",
        "rate": "Write a number from 1 to 1,000,000.",
    }


def test_what_was_typed_for_another_action_is_a_mistake_and_a_mere_choice_is_left_out() -> None:
    form = blank_form() | {"name": "x", "action": "allow", "price": "0.01", "block_text": "no", "block_status": "402"}
    with pytest.raises(Mistakes) as found:
        read_rule(form, {}, "USD")
    assert set(found.value.errors) == {"price", "block_text"}
    rule = read_rule(form | {"price": "", "block_text": ""}, {}, "USD")
    assert (rule.price, rule.block_text, rule.block_status) == (None, None, 403)


def test_a_message_that_begins_with_an_address_keeps_its_spelling() -> None:
    assert sentence("http://127.0.0.1:8402 is this edge itself") == "http://127.0.0.1:8402 is this edge itself."
    assert sentence("an origin has no path; write http://a alone") == "An origin has no path; write http://a alone."
