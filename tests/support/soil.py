"""What strangers and colleagues could have written anywhere: markup, templates, turned-round text and line ends.

Everything that a person or a crawler can name is soiled in the database itself, past every check of a form: pages must
be safe whatever is stored. Names and agent addresses of registered crawlers alone stay: rules and signatures are made
of them, so their letters are few everywhere.
"""

from __future__ import annotations

from sqlalchemy import text

from edge.store.database import Database

PAYLOAD = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7777}}\u202e\r\nx-soiled: 1"
RAW = ("<script>alert(", "<img src=x", "54439")
"""What no page may hold: the payload as markup, or its template worked out."""

ESCAPED = "&lt;script&gt;alert(1)"

_COLUMNS = (
    "activity.rule", "activity.target", "activity.address",
    "audit_event.author", "audit_event.subject",
    "budget.set_by",
    "crawler.operator",
    "crawler_token.note",
    "entry.author", "entry.offer", "entry.reason", "entry.request_id", "entry.rule", "entry.target",
    "invitation.email", "invitation.invited_by",
    "publisher.email", "publisher.name",
    "publisher_token.created_by", "publisher_token.hint", "publisher_token.name",
    "registration.agent_url", "registration.contact", "registration.name", "registration.operator",
    "registration.reason",
    "rule_draft.edited_by",
    "rule_set.note", "rule_set.published_by",
    "session.user_agent",
    "site.contact", "site.origin", "site.register_url",
    "traffic.rule", "traffic_day.rule",
    "unmatched_payment.reason", "unmatched_payment.reference",
    "user_agent.text",
    "webhook_delivery.trouble", "webhook_endpoint.created_by", "webhook_endpoint.trouble", "webhook_endpoint.url",
    "webhook_event.subject",
)  # fmt: skip


def soil(database: Database) -> int:
    """Add the payload to every such value of an SQLite database; return how many values were there."""
    count = 0
    with database.write() as connection:
        for trigger in ("entry_no_update", "audit_event_no_update"):
            connection.execute(text(f"DROP TRIGGER {trigger}"))
        for place in _COLUMNS:
            table, column = place.split(".")
            change = text(f"UPDATE {table} SET {column} = coalesce({column}, '') || :payload")
            count += connection.execute(change, {"payload": PAYLOAD}).rowcount
        connection.execute(text("UPDATE publisher SET name_key = lower(name)"))
        named = {"payload": "Long <script>alert(1)</script><img src=x onerror=alert(2)>{{7*7777}} reads"}
        for table in ("rule_set", "rule_draft"):
            renamed = text(f"UPDATE {table} SET document = replace(document, 'Long reads', :payload)")
            connection.execute(renamed, named)
    return count
