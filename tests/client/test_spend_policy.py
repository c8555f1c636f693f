"""What a policy forbids, and which policies are refused because they leave a gap."""

from __future__ import annotations

import pytest

from edge.client.errors import AboveCap, CurrencyNotAllowed, NotAllowed
from edge.client.spend_policy import BadPolicy, SpendPolicy, domain_of
from edge.core.money import parse_price

URL = "https://www.news.example/a"


def test_a_cap_for_each_request_is_required() -> None:
    with pytest.raises(TypeError, match="per_request"):
        SpendPolicy()  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("price", "error"),
    [
        ("USD 0.02", None),
        ("USD 0.020001", AboveCap),
        ("EUR 0.01", CurrencyNotAllowed),
    ],
)
def test_a_price_is_held_against_the_cap_of_its_currency(price: str, error: type[Exception] | None) -> None:
    found = SpendPolicy(per_request="USD 0.02").why_not(URL, parse_price(price))
    assert (None if found is None else type(found)) is error


@pytest.mark.parametrize(
    ("allow", "deny", "is_allowed"),
    [
        (None, (), True),
        (["news.example"], (), True),
        (["NEWS.example."], (), True),
        (["ws.example"], (), False),
        ([], (), False),
        (None, ["news.example"], False),
        (["example"], ["www.news.example"], False),
    ],
)
def test_a_name_in_a_list_stands_for_what_is_below_it(
    allow: list[str] | None, deny: list[str], is_allowed: bool
) -> None:
    policy = SpendPolicy(per_request="USD 1", allow_domains=allow, deny_domains=deny)
    assert policy.allows_spending_at(URL) is is_allowed
    assert isinstance(policy.why_not(URL, parse_price("USD 0.01")), NotAllowed) is not is_allowed


@pytest.mark.parametrize("name", ["bücher.example", "xn--bcher-kva.example", "BÜCHER.example."])
@pytest.mark.parametrize("host", ["bücher.example", "xn--bcher-kva.example.", "www.Bücher.Example.:443"])
def test_another_spelling_of_a_host_is_no_other_host(name: str, host: str) -> None:
    url = f"https://{host}/a"
    assert not SpendPolicy(per_request="USD 1", deny_domains=[name]).allows_spending_at(url)
    assert SpendPolicy(per_request="USD 1", allow_domains=[name]).allows_spending_at(url)
    assert domain_of(url).removeprefix("www.") == "xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("url", "is_allowed"),
    [("http://news.example/", False), ("http://127.0.0.1:1/", True), ("https://x.example/", True)],
)
def test_nothing_is_spent_in_the_clear_but_on_this_machine(url: str, is_allowed: bool) -> None:
    assert SpendPolicy(per_request="USD 1").allows_spending_at(url) is is_allowed


@pytest.mark.parametrize(
    "options",
    [
        {"per_request": "1 USD"},
        {"per_request": []},
        {"per_request": ["USD 1", "USD 2"]},
        {"per_request": ["USD 1", "EUR 1"], "total": "USD 5"},
        {"per_request": "USD 1", "total": "EUR 5"},
        {"per_request": ["USD 1", "EUR 1"], "on_unknown_price": "pay_up_to_cap"},
        {"per_request": "USD 1", "on_unknown_price": "pay"},
        {"per_request": "USD 1", "allow_domains": "news.example"},
    ],
)
def test_a_policy_with_a_gap_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(BadPolicy):
        SpendPolicy(**options)  # type: ignore[arg-type]
