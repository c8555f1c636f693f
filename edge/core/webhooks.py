"""Webhooks: which events there are, whom they may reach, what is sent, and how it is signed.

The form is that of Standard Webhooks 1.0 (https://www.standardwebhooks.com): a JSON body with ``type``, ``timestamp``
and ``data``, the fields ``webhook-id``, ``webhook-timestamp`` and ``webhook-signature``, and HMAC-SHA256 signatures
(``v1``), one for each secret in force, so that a secret can be changed without losing a message.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import orjson


class WebhookEvent(StrEnum):
    """What can happen that others are told of."""

    CHARGE_POSTED = "charge.posted"
    BUDGET_THRESHOLD = "budget.threshold"
    ACCOUNT_LOW = "account.low"
    STATEMENT_CLOSED = "statement.closed"
    RULES_PUBLISHED = "rules.published"
    CRAWLER_FIRST_SEEN = "crawler.first_seen"
    LEDGER_ALARM = "ledger.alarm"
    LEDGER_CHECKPOINT = "ledger.checkpoint"


def event_body(event: WebhookEvent, subject: str, data: Mapping[str, Any], at_micros: int) -> str:
    """The JSON text that is signed and sent, the same on every try. ``data`` holds plain JSON types only."""
    document = {"type": event.value, "timestamp": timestamp_text(at_micros), "subject": subject, "data": dict(data)}
    return orjson.dumps(document).decode()


def timestamp_text(at_micros: int) -> str:
    """A time as RFC 3339 in UTC, to the microsecond."""
    whole = datetime.fromtimestamp(at_micros // 1_000_000, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{at_micros % 1_000_000:06d}Z"
