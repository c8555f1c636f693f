"""What operators and publishers set: publishers, sites, rules, crawlers and their keys.

Rules of this file
- Whatever changes what ``decide()`` sees bumps ``policy_version`` in the same transaction; the edge polls it.
- A published rule set is immutable; going back publishes an old document as a new version.
- Nothing here is deleted: the ledger's entries name these ids for ever. SQLite therefore never reuses one.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from edge.core.signals.published import DEFAULT_TEXT
from edge.store.tables.metadata import metadata
from edge.store.tables.personal import Finds, OnErase, personal

policy_version = Table(
    "policy_version",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False, comment="always 1: one row, one counter"),
    Column("version", BigInteger, nullable=False, comment="what the edge compares to learn of a change"),
    Column("changed_at_micros", BigInteger, nullable=False, comment="when, for people"),
    CheckConstraint("id = 1", name="one_row"),
)

publisher = Table(
    "publisher",
    metadata,
    Column("id", Integer, primary_key=True, comment="named by entries and accounts"),
    Column("name", String(200), nullable=False, comment="what people call it"),
    Column("name_key", String(200), nullable=False, unique=True, comment="the name in lower case: unique for people"),
    Column(
        "email",
        String(320),
        nullable=False,
        comment="where the operator writes to",
        info=personal(OnErase.KEPT, Finds.EMAIL, beside=("name", "letterhead")),
    ),
    Column("created_at_micros", BigInteger, nullable=False, comment="for lists"),
    Column(
        "letterhead",
        Text,
        nullable=False,
        server_default=text("''"),
        comment="postal address and tax number, a line each, as statements print them below the name",
    ),
    Column(
        "share_ppm",
        Integer,
        CheckConstraint("share_ppm BETWEEN 0 AND 1000000", name="share"),
        nullable=False,
        server_default=text("0"),
        comment="the operator's part of a million, taken when a month is closed",
    ),
    sqlite_autoincrement=True,
)

site = Table(
    "site",
    metadata,
    Column("id", Integer, primary_key=True, comment="named by entries, traffic and rule sets"),
    Column("publisher_id", ForeignKey("publisher.id"), nullable=False, index=True, comment="who earns"),
    Column("host", String(255), nullable=False, unique=True, comment="the Host served, lower case, without a port"),
    Column("origin", String(2048), nullable=False, comment="base URL that requests are passed on to"),
    Column("currency", String(3), nullable=False, comment="of every price of this site"),
    Column("scheme", String(5), comment="what the public sees behind a TLS front, else null"),
    Column("strict", Boolean, nullable=False, comment="a paying signature must cover the target"),
    Column("in_band_pricing", Boolean, nullable=False, comment="the origin's crawler-price overrides the rules"),
    Column("error_detail", Boolean, nullable=False, comment="crawler-error-detail may be sent"),
    Column("case_sensitive_paths", Boolean, nullable=False, comment="rules tell /A from /a"),
    Column(
        "contact",
        String(320),
        comment="whom a refusal names, else null",
        info=personal(OnErase.EMPTIED, Finds.EMAIL, beside=("host",)),
    ),
    Column("active", Boolean, nullable=False, comment="false: the host answers 421"),
    Column("live_version", Integer, comment="the rule_set version in force; null before the first publication"),
    Column("created_at_micros", BigInteger, nullable=False, comment="for lists"),
    Column(
        "keep_unconfirmed",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="what nobody collects in its time in suspense stays here",
    ),
    Column("register_url", String(2048), comment="where crawlers register; null for our own page"),
    Column(
        "signals",
        String(120),
        nullable=False,
        server_default=text(f"'{DEFAULT_TEXT}'"),
        comment="which documents are published from the rules: names with spaces between",
    ),
    CheckConstraint("host = lower(host)", name="host_lower"),
    CheckConstraint("scheme IN ('http', 'https')", name="scheme"),
    CheckConstraint("length(currency) = 3", name="currency"),
    sqlite_autoincrement=True,
)

rule_set = Table(
    "rule_set",
    metadata,
    Column("id", Integer, primary_key=True, comment="a handle; entries name (site, version)"),
    Column("site_id", ForeignKey("site.id"), nullable=False, comment="whose rules"),
    Column("version", Integer, nullable=False, comment="1, 2, ... per site; entries name it"),
    Column("document", Text, nullable=False, comment="the rules as JSON, amounts in micro-units"),
    Column("note", Text, comment="why, in the publisher's words", info=personal(OnErase.KEPT)),
    Column(
        "published_by",
        String(320),
        nullable=False,
        comment="the person or command",
        info=personal(OnErase.RENAMED, Finds.EMAIL, beside=("site_id", "version", "note", "published_at_micros")),
    ),
    Column("published_at_micros", BigInteger, nullable=False, comment="from when it counted"),
    UniqueConstraint("site_id", "version"),
    sqlite_autoincrement=True,
)

rule_draft = Table(
    "rule_draft",
    metadata,
    Column("site_id", ForeignKey("site.id"), primary_key=True, comment="one draft a site"),
    Column("document", Text, nullable=False, comment="the rules being edited, as in rule_set"),
    Column("base_version", Integer, nullable=False, comment="the version it was opened from; 0 for none"),
    Column("revision", Integer, nullable=False, comment="grows with each save: two editors cannot overwrite blindly"),
    Column(
        "edited_by",
        String(320),
        nullable=False,
        comment="whose save it was",
        info=personal(OnErase.RENAMED, Finds.EMAIL, beside=("site_id", "edited_at_micros")),
    ),
    Column("edited_at_micros", BigInteger, nullable=False, comment="when"),
)

planned_publication = Table(
    "planned_publication",
    metadata,
    Column("site_id", ForeignKey("site.id"), primary_key=True, comment="one plan a site"),
    Column("revision", Integer, nullable=False, comment="of the draft that was reviewed"),
    Column("seen_version", Integer, nullable=False, comment="live when it was reviewed; 0 for none"),
    Column("note", Text, comment="why, for the version", info=personal(OnErase.KEPT)),
    Column(
        "planned_by",
        String(320),
        nullable=False,
        comment="whose publication it is",
        info=personal(OnErase.RENAMED, Finds.EMAIL, beside=("site_id", "note", "planned_at_micros")),
    ),
    Column("planned_at_micros", BigInteger, nullable=False, comment="when that was decided"),
    Column("due_micros", BigInteger, nullable=False, comment="when it is to go live"),
    Column("failed_because", Text, comment="why it did not go live; null while it waits"),
)

crawler = Table(
    "crawler",
    metadata,
    Column("id", Integer, primary_key=True, comment="named by entries and accounts"),
    Column("name", String(200), nullable=False, comment="as rules and reports spell it"),
    Column("name_key", String(200), nullable=False, unique=True, comment="the name in lower case: names are unique so"),
    Column("agent_url", String(2048), nullable=False, unique=True, comment="normalised identity URL of its key set"),
    Column("kind", String(16), nullable=False, comment="what it is for; rules can name it"),
    Column("operator", String(200), nullable=False, comment="who runs it; rules can name it"),
    Column("suspended", Boolean, nullable=False, comment="may not pay"),
    Column("created_at_micros", BigInteger, nullable=False, comment="for lists"),
    CheckConstraint(
        "kind IN ('training', 'search', 'assistant', 'archiver', 'seo', 'monitor', 'library', 'other')", name="kind"
    ),
    sqlite_autoincrement=True,
)

crawler_key = Table(
    "crawler_key",
    metadata,
    Column("crawler_id", ForeignKey("crawler.id"), nullable=False, comment="whose key"),
    Column("thumbprint", String(64), nullable=False, comment="RFC 7638, recomputed when added"),
    Column("jwk", Text, nullable=False, comment="the public key as given in a file"),
    Column("added_at_micros", BigInteger, nullable=False, comment="for lists"),
    PrimaryKeyConstraint("crawler_id", "thumbprint"),
)

key_directory = Table(
    "key_directory",
    metadata,
    Column("agent_url", String(2048), primary_key=True, comment="the identity URL that was fetched"),
    Column("document", Text, comment="the last good key set: it survives restarts and failed fetches"),
    Column("fetched_at_micros", BigInteger, comment="when that was"),
    Column("expires_at_micros", BigInteger, comment="when to ask again"),
    Column("failed_at_micros", BigInteger, comment="the last failed fetch since, else null"),
    Column("failure", Text, comment="what failed, in one sentence"),
)
