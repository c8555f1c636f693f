"""Both logs as one list: paged without gaps, narrowed to one of them, and to one crawler's team; on both databases."""

from __future__ import annotations

import pytest

from edge.core.ledger import EntryKind
from edge.core.money import Money
from edge.store.accounts import Opening, credit
from edge.store.audit import AuditRow
from edge.store.audit_events import Action, record
from edge.store.crawlers import NewCrawler, add_crawler
from edge.store.database import Database, now_micros
from edge.store.publishers import add_publisher
from edge.store.whole_audit import Line, Place, WholeFilter, operators_page, team_page, whole_log


@pytest.fixture
def bots(database: Database) -> tuple[int, int]:
    """Two crawlers, for which something was done to money and to something else by turns."""
    with database.write() as connection:
        news = add_publisher(connection, "News", "office@news.example", 0).publisher_id
        both = [add_crawler(connection, NewCrawler(f"Bot{n}", f"https://bot{n}.example"), 0).crawler_id for n in (1, 2)]
    for turn in range(3):
        for bot in both:
            opening = Opening.ANY_CURRENCY
            credit(database, bot, Money(1, "USD"), reference=f"{bot}-{turn}", author="ann", opening=opening)
            with database.write() as connection:
                at = now_micros()
                record(connection, Action.TOKEN_MADE, author="bob", now_micros=at, crawler_id=bot, subject=str(turn))
    with database.write() as connection:
        record(connection, Action.RULES_PUBLISHED, author="cid", now_micros=now_micros(), publisher_id=news)
        record(connection, Action.REGISTRATION_REJECTED, author="ann", now_micros=now_micros(), subject="an agent")
        record(connection, Action.SIGNED_IN, author="cid", now_micros=now_micros(), subject="cid")
    return both[0], both[1]


def told(line: Line) -> tuple[str | None, str | None]:
    if isinstance(line, AuditRow):
        return line.crawler, line.reference
    return line.crawler or line.publisher, f"{line.action} {line.subject}".strip()


def test_all_is_listed_once_however_it_is_paged(database: Database, bots: tuple[int, int]) -> None:
    with database.read() as connection:
        whole = [told(line) for line in whole_log(connection)]
        for limit in (1, 4, 50):
            found, place = [], Place()
            while True:
                page = operators_page(connection, WholeFilter(), place, limit)
                found += [told(line) for line in page.lines]
                if page.following is None:
                    break
                place = page.following
            assert found == whole[::-1]
    assert len(whole) == 6 + 6 + 2
    assert whole[:2] == [("Bot1", "1-0"), ("Bot1", "token.made 0")]
    assert whole[-2:] == [("News", "rules.published"), (None, "registration.rejected an agent")]


@pytest.mark.parametrize(
    ("wanted", "lines"),
    [
        (WholeFilter(kinds=(EntryKind.CREDIT,)), 6),
        (WholeFilter(area="token"), 6),
        (WholeFilter(area="account"), 0),
        (WholeFilter(author="ann"), 7),
        (WholeFilter(until_micros=1), 0),
    ],
    ids=["credits", "tokens", "own accounts", "one author", "before all"],
)
def test_a_filter_takes_of_both_what_it_says(
    database: Database, bots: tuple[int, int], wanted: WholeFilter, lines: int
) -> None:
    with database.read() as connection:
        assert len(operators_page(connection, wanted, Place(), 50).lines) == lines


def test_a_team_reads_of_its_own_crawler_alone(database: Database, bots: tuple[int, int]) -> None:
    with database.read() as connection:
        page = team_page(connection, bots[1], Place(), 4)
        rest = team_page(connection, bots[1], page.following or Place(), 4)
    found = [told(line) for line in (*page.lines, *rest.lines)]
    assert found == [("Bot2", text) for turn in (2, 1, 0) for text in (f"token.made {turn}", f"2-{turn}")]
    assert rest.following is None
