"""Webhooks: which events there are, whom they may reach, where they may be sent, and what is sent.

The form is that of Standard Webhooks 1.0 (https://www.standardwebhooks.com): a JSON body with ``type``, ``timestamp``
and ``data``; ``edge.core.webhook_signing`` has the fields beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import orjson

from edge.core.errors import EdgeError

URL_LENGTH_MAX = 2048
PRIVILEGED_PORTS = range(1024)
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


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


TEST_EVENT = "webhook.test"
"""What ``farebox webhook test`` sends; nobody subscribes to it."""


class Audience(StrEnum):
    """Whose endpoint it is."""

    OPERATOR = "operator"
    PUBLISHER = "publisher"
    CRAWLER = "crawler"


# What each audience can ever hear of: a subscription that nothing would come of is refused when it is made.
HEARS: Mapping[Audience, frozenset[WebhookEvent]] = MappingProxyType(
    {
        Audience.OPERATOR: frozenset(WebhookEvent),
        Audience.PUBLISHER: frozenset(
            {
                WebhookEvent.CHARGE_POSTED,
                WebhookEvent.STATEMENT_CLOSED,
                WebhookEvent.RULES_PUBLISHED,
                WebhookEvent.CRAWLER_FIRST_SEEN,
            }
        ),
        Audience.CRAWLER: frozenset(
            {
                WebhookEvent.CHARGE_POSTED,
                WebhookEvent.BUDGET_THRESHOLD,
                WebhookEvent.ACCOUNT_LOW,
                WebhookEvent.STATEMENT_CLOSED,
                WebhookEvent.CRAWLER_FIRST_SEEN,
            }
        ),
    }
)


class InvalidWebhookUrl(EdgeError, ValueError):
    """A URL that events are not sent to; the message says what would be."""


def read_webhook_url(text: str, *, allow_loopback_http: bool) -> str:
    """Check where events shall be sent, and give it back as it is written; raises ``InvalidWebhookUrl``.

    https only, on 443 or a port that needs no privilege; in development also http on this machine. Whether the name
    leads to a public address is seen when it is connected to, every time.
    """
    url = text.strip()
    if not url.isascii() or not url.isprintable() or " " in url or len(url) > URL_LENGTH_MAX:
        raise InvalidWebhookUrl(f"an address is at most {URL_LENGTH_MAX} ASCII characters without spaces")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as why:
        raise InvalidWebhookUrl(f"{url!r} is not an address ({why}); write https://host/path") from why
    if not host or parts.username is not None or parts.password is not None or parts.fragment or "#" in url:
        raise InvalidWebhookUrl("write the address as https://host/path, without name, password or fragment")
    if parts.scheme == "http" and allow_loopback_http and host in LOOPBACK_HOSTS:
        return url
    if parts.scheme != "https":
        raise InvalidWebhookUrl("events are sent over https only; write https://host/path")
    if port is not None and port != 443 and port in PRIVILEGED_PORTS:
        raise InvalidWebhookUrl(f"events are not sent to port {port}; use 443, or one from {PRIVILEGED_PORTS.stop} on")
    return url


def event_body(event: str, subject: str, data: Mapping[str, Any], at_micros: int) -> str:
    """The JSON text that is signed and sent, the same on every try. ``data`` holds plain JSON types only."""
    document = {"type": str(event), "timestamp": timestamp_text(at_micros), "subject": subject, "data": dict(data)}
    return orjson.dumps(document).decode()


def timestamp_text(at_micros: int) -> str:
    """A time as RFC 3339 in UTC, to the microsecond."""
    whole = datetime.fromtimestamp(at_micros // 1_000_000, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{at_micros % 1_000_000:06d}Z"
