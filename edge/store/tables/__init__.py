"""Every table, each column with its reason: the one place that knows how things are stored.

The migrations must build exactly this on SQLite and on PostgreSQL; a test compares them.
"""

from edge.store.tables.activity_sums import activity_day, activity_hour
from edge.store.tables.audit_events import audit_event
from edge.store.tables.budgets import account_alert, budget, budget_window
from edge.store.tables.checkpoint import checkpoint
from edge.store.tables.configuration import (
    crawler,
    crawler_key,
    key_directory,
    planned_publication,
    policy_version,
    publisher,
    rule_draft,
    rule_set,
    site,
)
from edge.store.tables.doors import books_task, crawler_invitation, crawler_member, done_act
from edge.store.tables.erasures import erasure
from edge.store.tables.evidence import address_feed, crawler_token
from edge.store.tables.first_run import first_steps, site_claim
from edge.store.tables.grants import grant_count, purchase, subscription
from edge.store.tables.housekeeping import housekeeping
from edge.store.tables.invitations import invitation
from edge.store.tables.ledger import account, batch, delivery, entry, writer
from edge.store.tables.log_estimates import log_estimate
from edge.store.tables.metadata import metadata
from edge.store.tables.months import month_close, month_fee, month_line, month_share, month_statement
from edge.store.tables.operator_tokens import operator_token
from edge.store.tables.payments import unmatched_payment
from edge.store.tables.people import membership, person, session, setup_link, sign_in_attempt
from edge.store.tables.publisher_tokens import publisher_token
from edge.store.tables.registrations import registration
from edge.store.tables.robots import robots_day, robots_file
from edge.store.tables.rollups import content_day, earned_day, earned_page_day, earned_until, moved_day, opened_day
from edge.store.tables.second_factors import code_app, passkey, recovery_code, sign_in_step
from edge.store.tables.traffic import activity, traffic, traffic_day, traffic_minute, user_agent
from edge.store.tables.webhooks import (
    crawler_sighting,
    webhook_cursor,
    webhook_delivery,
    webhook_endpoint,
    webhook_event,
    webhook_secret,
    webhook_subscription,
)

__all__ = [
    "account",
    "account_alert",
    "activity",
    "activity_day",
    "activity_hour",
    "address_feed",
    "audit_event",
    "batch",
    "books_task",
    "budget",
    "budget_window",
    "checkpoint",
    "code_app",
    "content_day",
    "crawler",
    "crawler_invitation",
    "crawler_key",
    "crawler_member",
    "crawler_sighting",
    "crawler_token",
    "delivery",
    "done_act",
    "earned_day",
    "earned_page_day",
    "earned_until",
    "entry",
    "erasure",
    "first_steps",
    "grant_count",
    "housekeeping",
    "invitation",
    "key_directory",
    "log_estimate",
    "membership",
    "metadata",
    "month_close",
    "month_fee",
    "month_line",
    "month_share",
    "month_statement",
    "moved_day",
    "opened_day",
    "operator_token",
    "passkey",
    "person",
    "planned_publication",
    "policy_version",
    "publisher",
    "publisher_token",
    "purchase",
    "recovery_code",
    "registration",
    "robots_day",
    "robots_file",
    "rule_draft",
    "rule_set",
    "session",
    "setup_link",
    "sign_in_attempt",
    "sign_in_step",
    "site",
    "site_claim",
    "subscription",
    "traffic",
    "traffic_day",
    "traffic_minute",
    "unmatched_payment",
    "user_agent",
    "webhook_cursor",
    "webhook_delivery",
    "webhook_endpoint",
    "webhook_event",
    "webhook_secret",
    "webhook_subscription",
    "writer",
]
