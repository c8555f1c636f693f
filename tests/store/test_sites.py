"""Sites: every change reaches the edge, nothing is lost, and no origin leads back here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import Connection, select, update

from edge.core.signals.published import Signal
from edge.store.database import Database
from edge.store.policy_version import read_policy_version
from edge.store.problems import InvalidValue, NameTaken, UnknownName
from edge.store.publishers import add_publisher
from edge.store.site_values import EdgeAddresses
from edge.store.sites import Site, SiteOptions, add_site, find_site, list_sites, remove_site, set_site
from edge.store.tables import account, site

NOW = 1_795_000_000_000_000
EDGE = EdgeAddresses.of_bind("127.0.0.1", 8402)
ORIGIN = SiteOptions(origin="http://127.0.0.1:9000")


@pytest.fixture
def publisher_id(database: Database) -> int:
    with database.write() as connection:
        return add_publisher(connection, "News", "owner@news.example", NOW).publisher_id


def add(database: Database, publisher_id: int, host: str = "news.example", options: SiteOptions = ORIGIN) -> Site:
    with database.write() as connection:
        return add_site(connection, host, publisher_id, options, EDGE, NOW)


def test_a_new_site_has_the_defaults_and_an_account_to_earn_on(database: Database, publisher_id: int) -> None:
    made = add(database, publisher_id, "News.Example.")
    assert (made.host, made.publisher, made.currency, made.active) == ("news.example", "News", "USD", True)
    assert (made.strict, made.in_band_pricing, made.error_detail) == (False, False, True)
    assert made.live_version is None
    with database.read() as connection:
        codes = connection.execute(select(account.c.code)).scalars().all()
    assert codes == [f"publisher:{publisher_id}:USD"]


def test_every_change_is_news_for_the_edge(database: Database, publisher_id: int) -> None:
    changes: list[Callable[[Connection], Site]] = [
        lambda connection: add_site(connection, "a.example", publisher_id, ORIGIN, EDGE, NOW),
        lambda connection: set_site(connection, "a.example", SiteOptions(strict=True), EDGE, NOW),
        lambda connection: remove_site(connection, "a.example", NOW),
        lambda connection: add_site(connection, "a.example", publisher_id, ORIGIN, EDGE, NOW),
    ]
    for change in changes:
        with database.write() as connection:
            before = read_policy_version(connection)
            change(connection)
            assert read_policy_version(connection) == before + 1


def test_only_what_is_named_changes(database: Database, publisher_id: int) -> None:
    made = add(database, publisher_id)
    options = SiteOptions(scheme="https", contact=" ads@news.example ", strict=True, case_sensitive_paths=True)
    with database.write() as connection:
        changed = set_site(connection, "news.example", options, EDGE, NOW)
    assert changed == replace(made, scheme="https", contact="ads@news.example", strict=True, case_sensitive_paths=True)
    with database.write() as connection:
        emptied = set_site(connection, "news.example", SiteOptions(scheme="", contact=""), EDGE, NOW)
    assert (emptied.scheme, emptied.contact, emptied.strict) == (None, None, True)


def test_a_page_of_the_publishers_own_is_where_crawlers_register(database: Database, publisher_id: int) -> None:
    page = "https://news.example/crawlers?lang=en#how"
    made = add(database, publisher_id, options=replace(ORIGIN, register_url=f" {page} "))
    assert made.register_url == page
    with database.write() as connection:
        assert set_site(connection, "news.example", SiteOptions(register_url=""), EDGE, NOW).register_url is None


def test_setting_nothing_is_no_news(database: Database, publisher_id: int) -> None:
    add(database, publisher_id)
    with database.write() as connection:
        before = read_policy_version(connection)
        set_site(connection, "news.example", SiteOptions(), EDGE, NOW)
        assert read_policy_version(connection) == before


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (SiteOptions(), "origin"),
        (SiteOptions(origin="http://localhost:8402"), "origin"),
        (replace(ORIGIN, currency="usd"), "currency"),
        (replace(ORIGIN, scheme="ftp"), "scheme"),
        (replace(ORIGIN, contact="two\nlines"), "contact"),
        (replace(ORIGIN, register_url="javascript:alert(1)"), "register_url"),
        (replace(ORIGIN, register_url='https://news.example/a>; rel="next"'), "register_url"),
        (replace(ORIGIN, register_url="https://news.example/a\r\nx: y"), "register_url"),
        (replace(ORIGIN, register_url="/crawlers"), "register_url"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_its_name(
    database: Database, publisher_id: int, options: SiteOptions, field: str
) -> None:
    with pytest.raises(InvalidValue) as refused:
        add(database, publisher_id, options=options)
    assert refused.value.field == field


def test_a_removed_site_is_gone_but_not_forgotten(database: Database, publisher_id: int) -> None:
    made = add(database, publisher_id)
    with database.write() as connection:
        remove_site(connection, "NEWS.example", NOW)
        with pytest.raises(UnknownName, match="farebox site list"):
            find_site(connection, "news.example")
        assert list_sites(connection) == []
        assert [known.host for known in list_sites(connection, with_removed=True)] == ["news.example"]
    again = add(database, publisher_id, options=SiteOptions(origin="http://127.0.0.1:9001"))
    assert (again.site_id, again.origin) == (made.site_id, "http://127.0.0.1:9001")


def test_a_host_is_served_for_one_publisher(database: Database, publisher_id: int) -> None:
    add(database, publisher_id)
    with pytest.raises(NameTaken, match="farebox site set"):
        add(database, publisher_id)
    with database.write() as connection:
        other = add_publisher(connection, "Other", "o@other.example", NOW).publisher_id
        remove_site(connection, "news.example", NOW)
    with pytest.raises(NameTaken, match="belonged to News"):
        add(database, other)


def test_the_currency_is_fixed_once_prices_are_published(database: Database, publisher_id: int) -> None:
    add(database, publisher_id)
    with database.write() as connection:
        assert set_site(connection, "news.example", SiteOptions(currency="EUR"), EDGE, NOW).currency == "EUR"
        connection.execute(update(site).values(live_version=1))
        with pytest.raises(InvalidValue, match="published prices in EUR"):
            set_site(connection, "news.example", SiteOptions(currency="USD"), EDGE, NOW)
        codes = connection.execute(select(account.c.code).order_by(account.c.code)).scalars().all()
    assert codes == [f"publisher:{publisher_id}:EUR", f"publisher:{publisher_id}:USD"]


def test_a_list_can_be_one_publishers(database: Database, publisher_id: int) -> None:
    add(database, publisher_id, "b.example")
    add(database, publisher_id, "a.example")
    with database.write() as connection:
        other = add_publisher(connection, "Other", "o@other.example", NOW).publisher_id
    add(database, other, "c.example")
    with database.read() as connection:
        assert [known.host for known in list_sites(connection)] == ["a.example", "b.example", "c.example"]
        assert [known.host for known in list_sites(connection, publisher_id)] == ["a.example", "b.example"]


def test_a_site_publishes_its_prices_until_told_otherwise(database: Database, publisher_id: int) -> None:
    assert add(database, publisher_id).signals == {Signal.PRICES}
    with database.write() as connection:
        every = set_site(connection, "news.example", SiteOptions(signals=frozenset(Signal)), EDGE, NOW)
        assert every.signals == frozenset(Signal)
        assert set_site(connection, "news.example", SiteOptions(signals=frozenset()), EDGE, NOW).signals == frozenset()
