"""How many requests came, from whom, and what became of them; and single requests of crawlers, for a while.

Rules of this file
- Sums are kept for minutes, hours and days: each answers its own questions without adding up a million rows.
- People's requests are summed alone; ``activity`` holds crawlers' only.
- Nothing here is the books: it is written a moment late, in batches, and deleted when its time is over.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint, SmallInteger, String, Table, Text, text

from edge.store.tables.metadata import metadata
from edge.store.tables.personal import OnErase, personal


def _sums(name: str, start: str, of: str) -> Table:
    return Table(
        name,
        metadata,
        Column(start, BigInteger, nullable=False, comment=f"start of the {of}, UTC"),
        Column("site_id", BigInteger, nullable=False, comment="where; 0 for hosts that are not ours"),
        Column("crawler", String(200), nullable=False, comment="the name claimed or proved; empty for people"),
        Column("rung", String(16), nullable=False, comment="how well the name was proved"),
        Column("rule", String(200), nullable=False, comment="the rule that matched; empty for none"),
        Column("outcome", String(64), nullable=False, comment="why it passed, how its sale ended, or a refusal code"),
        Column("requests", BigInteger, nullable=False, comment="how many"),
        PrimaryKeyConstraint(start, "site_id", "crawler", "rung", "rule", "outcome"),
    )


traffic_minute = _sums("traffic_minute", "minute_micros", "minute")
traffic = _sums("traffic", "hour_micros", "hour")
traffic_day = _sums("traffic_day", "day_micros", "day")

user_agent = Table(
    "user_agent",
    metadata,
    Column("id", Integer, primary_key=True, comment="named by activity"),
    Column(
        "text",
        String(400),
        nullable=False,
        unique=True,
        comment="what a crawler said it is, cut off; once for all that said so",
        info=personal(OnErase.EXPIRES),
    ),
    Column("seen_at_micros", BigInteger, nullable=False, index=True, comment="start of the last day it was seen on"),
    sqlite_autoincrement=True,
)

# The key is the order in which it is read and deleted: a site's newest first, and its oldest.
activity = Table(
    "activity",
    metadata,
    Column("site_id", BigInteger, nullable=False, comment="where"),
    Column("at_micros", BigInteger, nullable=False, comment="when it was answered"),
    Column("number", BigInteger, nullable=False, comment="tells apart what came at once; random, then counted"),
    Column("crawler", String(200), nullable=False, comment="the name claimed or proved; empty for a bot without one"),
    Column("rung", String(16), nullable=False, comment="how well the name was proved"),
    Column("kind", String(16), nullable=False, comment="what the crawler is for"),
    Column("rule", String(200), nullable=False, comment="the rule that matched; empty for none"),
    Column("outcome", String(64), nullable=False, comment="why it passed, how its sale ended, or a refusal code"),
    Column(
        "price_micros", BigInteger, comment="what was asked, or would be by a watching rule; in the site's currency"
    ),
    Column("offer", String(80), comment="what the crawler accepted, as it wrote it"),
    Column("method", String(16), nullable=False, comment="GET, HEAD ..."),
    Column(
        "target",
        Text,
        nullable=False,
        comment="the canonical path and query that was asked for",
        info=personal(OnErase.EXPIRES),
    ),
    Column("status", SmallInteger, nullable=False, comment="of the answer"),
    Column("user_agent_id", Integer, comment="what it said it is; null for nothing"),
    Column(
        "address",
        String(64),
        nullable=False,
        comment="the network it came from, a hash, or the address, as set; else empty",
        info=personal(OnErase.EXPIRES),
    ),
    Column("requests", Integer, nullable=False, comment="how many requests it stands for: 1 unless it is a sample"),
    Column(
        "operator", String(200), nullable=False, server_default=text("''"), comment="whose crawler; empty if unknown"
    ),
    Column("agent", String(300), comment="the identity URL that it signed for, proved or not"),
    Column("facts", Integer, nullable=False, server_default=text("0"), comment="what was unusual, to decide it again"),
    PrimaryKeyConstraint("site_id", "at_micros", "number"),
    sqlite_with_rowid=False,
)
