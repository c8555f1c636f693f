"""Publishers, sites, rules, crawlers, traffic, and who may sign in.

Revision: 0001, after nothing
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_configuration()
    create_people()
    op.execute("INSERT INTO policy_version (id, version, changed_at_micros) VALUES (1, 1, 0)")


def downgrade() -> None:
    raise NotImplementedError("books are not taken apart: restore the backup made before the upgrade")


def create_configuration() -> None:
    op.create_table(
        "policy_version",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False, comment="always 1: one row, one counter"),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="what the edge compares to learn of a change"),
        sa.Column("changed_at_micros", sa.BigInteger(), nullable=False, comment="when, for people"),
        sa.CheckConstraint("id = 1", name=op.f("ck_policy_version_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_version")),
    )
    op.create_table(
        "publisher",
        sa.Column("id", sa.Integer(), nullable=False, comment="named by entries and accounts"),
        sa.Column("name", sa.String(length=200), nullable=False, comment="what people call it"),
        sa.Column(
            "name_key", sa.String(length=200), nullable=False, comment="the name in lower case: unique for people"
        ),
        sa.Column("email", sa.String(length=320), nullable=False, comment="where the operator writes to"),
        sa.Column("created_at_micros", sa.BigInteger(), nullable=False, comment="for lists"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publisher")),
        sa.UniqueConstraint("name_key", name=op.f("uq_publisher_name_key")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "site",
        sa.Column("id", sa.Integer(), nullable=False, comment="named by entries, traffic and rule sets"),
        sa.Column("publisher_id", sa.Integer(), nullable=False, comment="who earns"),
        sa.Column("host", sa.String(length=255), nullable=False, comment="the Host served, lower case, without a port"),
        sa.Column("origin", sa.String(length=2048), nullable=False, comment="base URL that requests are passed on to"),
        sa.Column("currency", sa.String(length=3), nullable=False, comment="of every price of this site"),
        sa.Column(
            "scheme", sa.String(length=5), nullable=True, comment="what the public sees behind a TLS front, else null"
        ),
        sa.Column("strict", sa.Boolean(), nullable=False, comment="a paying signature must cover the target"),
        sa.Column(
            "in_band_pricing", sa.Boolean(), nullable=False, comment="the origin's crawler-price overrides the rules"
        ),
        sa.Column("error_detail", sa.Boolean(), nullable=False, comment="crawler-error-detail may be sent"),
        sa.Column("case_sensitive_paths", sa.Boolean(), nullable=False, comment="rules tell /A from /a"),
        sa.Column("contact", sa.String(length=320), nullable=True, comment="whom a refusal names, else null"),
        sa.Column("active", sa.Boolean(), nullable=False, comment="false: the host answers 421"),
        sa.Column(
            "live_version",
            sa.Integer(),
            nullable=True,
            comment="the rule_set version in force; null before the first publication",
        ),
        sa.Column("created_at_micros", sa.BigInteger(), nullable=False, comment="for lists"),
        sa.CheckConstraint("scheme IN ('http', 'https')", name=op.f("ck_site_scheme")),
        sa.CheckConstraint("host = lower(host)", name=op.f("ck_site_host_lower")),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_site_currency")),
        sa.ForeignKeyConstraint(["publisher_id"], ["publisher.id"], name=op.f("fk_site_publisher_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site")),
        sa.UniqueConstraint("host", name=op.f("uq_site_host")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_site_publisher_id"), "site", ["publisher_id"], unique=False)
    op.create_table(
        "rule_set",
        sa.Column("id", sa.Integer(), nullable=False, comment="a handle; entries name (site, version)"),
        sa.Column("site_id", sa.Integer(), nullable=False, comment="whose rules"),
        sa.Column("version", sa.Integer(), nullable=False, comment="1, 2, ... per site; entries name it"),
        sa.Column("document", sa.Text(), nullable=False, comment="the rules as JSON, amounts in micro-units"),
        sa.Column("note", sa.Text(), nullable=True, comment="why, in the publisher's words"),
        sa.Column("published_by", sa.String(length=320), nullable=False, comment="the person or command"),
        sa.Column("published_at_micros", sa.BigInteger(), nullable=False, comment="from when it counted"),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_rule_set_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_set")),
        sa.UniqueConstraint("site_id", "version", name=op.f("uq_rule_set_site_id_version")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "rule_draft",
        sa.Column("site_id", sa.Integer(), nullable=False, comment="one draft a site"),
        sa.Column("document", sa.Text(), nullable=False, comment="the rules being edited, as in rule_set"),
        sa.Column("base_version", sa.Integer(), nullable=False, comment="the version it was opened from; 0 for none"),
        sa.Column(
            "revision",
            sa.Integer(),
            nullable=False,
            comment="grows with each save: two editors cannot overwrite blindly",
        ),
        sa.Column("edited_by", sa.String(length=320), nullable=False, comment="whose save it was"),
        sa.Column("edited_at_micros", sa.BigInteger(), nullable=False, comment="when"),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_rule_draft_site_id")),
        sa.PrimaryKeyConstraint("site_id", name=op.f("pk_rule_draft")),
    )
    op.create_table(
        "crawler",
        sa.Column("id", sa.Integer(), nullable=False, comment="named by entries and accounts"),
        sa.Column("name", sa.String(length=200), nullable=False, comment="as rules and reports spell it"),
        sa.Column(
            "name_key", sa.String(length=200), nullable=False, comment="the name in lower case: names are unique so"
        ),
        sa.Column(
            "agent_url", sa.String(length=2048), nullable=False, comment="normalised identity URL of its key set"
        ),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="what it is for; rules can name it"),
        sa.Column("operator", sa.String(length=200), nullable=False, comment="who runs it; rules can name it"),
        sa.Column("suspended", sa.Boolean(), nullable=False, comment="may not pay"),
        sa.Column("created_at_micros", sa.BigInteger(), nullable=False, comment="for lists"),
        sa.CheckConstraint(
            "kind IN ('training', 'search', 'assistant', 'archiver', 'seo', 'monitor', 'library', 'other')",
            name=op.f("ck_crawler_kind"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crawler")),
        sa.UniqueConstraint("agent_url", name=op.f("uq_crawler_agent_url")),
        sa.UniqueConstraint("name_key", name=op.f("uq_crawler_name_key")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "crawler_key",
        sa.Column("crawler_id", sa.Integer(), nullable=False, comment="whose key"),
        sa.Column("thumbprint", sa.String(length=64), nullable=False, comment="RFC 7638, recomputed when added"),
        sa.Column("jwk", sa.Text(), nullable=False, comment="the public key as given in a file"),
        sa.Column("added_at_micros", sa.BigInteger(), nullable=False, comment="for lists"),
        sa.ForeignKeyConstraint(["crawler_id"], ["crawler.id"], name=op.f("fk_crawler_key_crawler_id")),
        sa.PrimaryKeyConstraint("crawler_id", "thumbprint", name=op.f("pk_crawler_key")),
    )
    op.create_table(
        "key_directory",
        sa.Column("agent_url", sa.String(length=2048), nullable=False, comment="the identity URL that was fetched"),
        sa.Column(
            "document",
            sa.Text(),
            nullable=True,
            comment="the last good key set: it survives restarts and failed fetches",
        ),
        sa.Column("fetched_at_micros", sa.BigInteger(), nullable=True, comment="when that was"),
        sa.Column("expires_at_micros", sa.BigInteger(), nullable=True, comment="when to ask again"),
        sa.Column("failed_at_micros", sa.BigInteger(), nullable=True, comment="the last failed fetch since, else null"),
        sa.Column("failure", sa.Text(), nullable=True, comment="what failed, in one sentence"),
        sa.PrimaryKeyConstraint("agent_url", name=op.f("pk_key_directory")),
    )
    op.create_table(
        "traffic",
        sa.Column("hour_micros", sa.BigInteger(), nullable=False, comment="start of the hour, UTC"),
        sa.Column("site_id", sa.BigInteger(), nullable=False, comment="where; 0 for hosts that are not ours"),
        sa.Column(
            "crawler", sa.String(length=200), nullable=False, comment="the name claimed or proved; empty for people"
        ),
        sa.Column("rung", sa.String(length=16), nullable=False, comment="how well the name was proved"),
        sa.Column("rule", sa.String(length=200), nullable=False, comment="the rule that matched; empty for none"),
        sa.Column(
            "outcome",
            sa.String(length=64),
            nullable=False,
            comment="why it passed, how its sale ended, or a refusal code",
        ),
        sa.Column("requests", sa.BigInteger(), nullable=False, comment="how many"),
        sa.PrimaryKeyConstraint(
            "hour_micros", "site_id", "crawler", "rung", "rule", "outcome", name=op.f("pk_traffic")
        ),
    )


def create_people() -> None:
    op.create_table(
        "person",
        sa.Column("id", sa.Integer(), nullable=False, comment="named by memberships and sessions"),
        sa.Column("email", sa.String(length=320), nullable=False, comment="lower case: what people sign in with"),
        sa.Column("password_hash", sa.String(length=200), nullable=False, comment="argon2id, with its parameters"),
        sa.Column("created_at_micros", sa.BigInteger(), nullable=False, comment="for lists"),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_person_email_lower")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("email", name=op.f("uq_person_email")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "membership",
        sa.Column("person_id", sa.Integer(), nullable=False, comment="who"),
        sa.Column("publisher_id", sa.Integer(), nullable=False, comment="sees and changes what"),
        sa.Column("role", sa.String(length=16), nullable=False, comment="owner, editor, billing or viewer"),
        sa.CheckConstraint("role IN ('owner', 'editor', 'billing', 'viewer')", name=op.f("ck_membership_role")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_membership_person_id")),
        sa.ForeignKeyConstraint(["publisher_id"], ["publisher.id"], name=op.f("fk_membership_publisher_id")),
        sa.PrimaryKeyConstraint("person_id", "publisher_id", name=op.f("pk_membership")),
    )
    op.create_index(op.f("ix_membership_publisher_id"), "membership", ["publisher_id"], unique=False)
    op.create_table(
        "session",
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False, comment="SHA-256 of the cookie"),
        sa.Column("person_id", sa.Integer(), nullable=False, comment="whose"),
        sa.Column("csrf_token", sa.String(length=64), nullable=False, comment="must come back with every form"),
        sa.Column("created_at_micros", sa.BigInteger(), nullable=False, comment="bounds the whole life"),
        sa.Column("seen_at_micros", sa.BigInteger(), nullable=False, comment="bounds the idle time"),
        sa.Column("expires_at_micros", sa.BigInteger(), nullable=False, comment="after it the row is swept"),
        sa.Column(
            "user_agent", sa.String(length=400), nullable=True, comment="so that people know their sessions apart"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_session_person_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_session")),
    )
    op.create_index(op.f("ix_session_expires_at_micros"), "session", ["expires_at_micros"], unique=False)
    op.create_index(op.f("ix_session_person_id"), "session", ["person_id"], unique=False)
    op.create_table(
        "setup_link",
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False, comment="SHA-256 of the link's token"),
        sa.Column("email", sa.String(length=320), nullable=True, comment="for whom; null: the one who opens it says"),
        sa.Column("publisher_id", sa.Integer(), nullable=True, comment="joins this publisher; null: none yet"),
        sa.Column("expires_at_micros", sa.BigInteger(), nullable=False, comment="a link does not live for ever"),
        sa.Column("used_at_micros", sa.BigInteger(), nullable=True, comment="set once: a link works once"),
        sa.ForeignKeyConstraint(["publisher_id"], ["publisher.id"], name=op.f("fk_setup_link_publisher_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_setup_link")),
    )
    op.create_table(
        "sign_in_attempt",
        sa.Column("id", sa.Integer(), nullable=False, comment="a handle"),
        sa.Column(
            "subject_hash", sa.LargeBinary(length=32), nullable=False, comment="hash of the account or of the address"
        ),
        sa.Column(
            "attempted_at_micros", sa.BigInteger(), nullable=False, comment="counted within a window, swept after it"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_attempt")),
    )
    op.create_index(
        "ix_sign_in_attempt_subject", "sign_in_attempt", ["subject_hash", "attempted_at_micros"], unique=False
    )
