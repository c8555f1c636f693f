"""Which answers of an origin are sold, for the gate and for estimates (docs/protocol.md, "What is charged")."""

from __future__ import annotations

NO_CONTENT_STATUSES = frozenset({204, 205})


def is_billable(status: int) -> bool:
    """Whether an origin's answer to GET is sold: a success with content."""
    return 200 <= status < 300 and status not in NO_CONTENT_STATUSES
