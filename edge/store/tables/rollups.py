"""What days of the books and of single requests come to, by page: so that screens do not add up a million rows.

Rules of this file
- Days of the books are summed when they are over, once: entries are never changed, so these sums stay true. They are no
  part of the books; whatever is lost here is summed again.
- What strangers can make up (paths) is bounded for each site and day; the rest is counted together.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, PrimaryKeyConstraint, String, Table, Text

from edge.store.tables.metadata import metadata
from edge.store.tables.personal import OnErase, personal


def _earned() -> tuple[Column[int], ...]:
    return (
        Column("pages", BigInteger, nullable=False, comment="paid, less what waits in suspense"),
        Column("reversed_pages", BigInteger, nullable=False, comment="given back"),
        Column("amount_micros", BigInteger, nullable=False, comment="earned, less what was given back"),
    )


earned_day = Table(
    "earned_day",
    metadata,
    Column("publisher_id", Integer, nullable=False, comment="who earned"),
    Column("day_micros", BigInteger, nullable=False, comment="start of the day, UTC"),
    Column("site_id", Integer, nullable=False, comment="where; 0 for no site"),
    Column("currency", String(3), nullable=False, comment="of the amount"),
    Column("crawler_id", Integer, nullable=False, comment="who paid; 0 for nobody"),
    Column("rule", Text, nullable=False, comment="the rule that named the price; empty for none"),
    *_earned(),
    PrimaryKeyConstraint("publisher_id", "day_micros", "site_id", "currency", "crawler_id", "rule"),
    Index("ix_earned_day_site", "site_id", "day_micros"),
    sqlite_with_rowid=False,
)

opened_day = Table(
    "opened_day",
    metadata,
    Column("publisher_id", Integer, nullable=False, comment="who sold"),
    Column("day_micros", BigInteger, nullable=False, comment="start of the day, UTC"),
    Column("site_id", Integer, nullable=False, comment="where"),
    Column("currency", String(3), nullable=False, comment="of the amount"),
    Column("crawler_id", Integer, nullable=False, comment="who asked"),
    Column("rule", Text, nullable=False, comment="the rule that named the price"),
    Column("posts", BigInteger, nullable=False, comment="paid at once, whatever followed"),
    Column("posts_micros", BigInteger, nullable=False, comment="their prices"),
    Column("grants", BigInteger, nullable=False, comment="pages that were granted, whatever followed"),
    PrimaryKeyConstraint("publisher_id", "day_micros", "site_id", "currency", "crawler_id", "rule"),
    sqlite_with_rowid=False,
)

earned_page_day = Table(
    "earned_page_day",
    metadata,
    Column("publisher_id", Integer, nullable=False, comment="who earned"),
    Column("day_micros", BigInteger, nullable=False, comment="start of the day, UTC"),
    Column("site_id", Integer, nullable=False, comment="where; 0 for no site"),
    Column("currency", String(3), nullable=False, comment="of the amount"),
    Column(
        "path",
        Text,
        nullable=False,
        comment="what was sold, without its query; * for all beyond the first thousand of a site and day",
        info=personal(OnErase.KEPT),
    ),
    *_earned(),
    PrimaryKeyConstraint("publisher_id", "day_micros", "site_id", "currency", "path"),
    sqlite_with_rowid=False,
)

moved_day = Table(
    "moved_day",
    metadata,
    Column("day_micros", BigInteger, nullable=False, comment="start of the day, UTC"),
    Column("position", Integer, nullable=False, comment="0, 1, ... within the day"),
    Column("kind", String(16), nullable=False, comment="of the entries, as all that follows"),
    Column("currency", String(3), nullable=False, comment="of the amount"),
    Column("debit_account", Integer, nullable=False, comment="where the money came from"),
    Column("credit_account", Integer, nullable=False, comment="where it went"),
    Column("publisher_id", Integer, comment="who earned; null where entries name nobody"),
    Column("site_id", Integer, comment="where; null for top-ups and the like"),
    Column("crawler_id", Integer, comment="who paid; null for fees"),
    Column("rule", Text, comment="the rule that named the price"),
    Column("licence", Text, comment="what was licensed, if the rule says so"),
    Column("entries", BigInteger, nullable=False, comment="how many agree in all of this"),
    Column("amount_micros", BigInteger, nullable=False, comment="their sum"),
    PrimaryKeyConstraint("day_micros", "position"),
    sqlite_with_rowid=False,
)

earned_until = Table(
    "earned_until",
    metadata,
    Column("id", Integer, primary_key=True, comment="1: there is one row"),
    Column("until_micros", BigInteger, nullable=False, comment="every day before this one is summed"),
)

content_day = Table(
    "content_day",
    metadata,
    Column("site_id", Integer, nullable=False, comment="where"),
    Column(
        "parent",
        String(400),
        nullable=False,
        comment="the part of the site that it lies in, / or /articles/",
        info=personal(OnErase.EXPIRES),
    ),
    Column("day_micros", BigInteger, nullable=False, comment="start of the day, UTC"),
    Column(
        "step",
        String(100),
        nullable=False,
        comment="the next part of the path, with a slash where more lies below; empty for all that had no room",
        info=personal(OnErase.EXPIRES),
    ),
    Column("requests", BigInteger, nullable=False, comment="of crawlers"),
    Column("asked", BigInteger, nullable=False, comment="of those: asked to pay, and did not"),
    Column("sold", BigInteger, nullable=False, comment="of those: paid"),
    PrimaryKeyConstraint("site_id", "parent", "day_micros", "step"),
    Index("ix_content_day_day", "day_micros"),
    sqlite_with_rowid=False,
)
