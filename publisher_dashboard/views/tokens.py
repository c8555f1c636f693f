"""A publisher's API tokens, and what each thing that a token may do means in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge.store.connection import Connection
from edge.store.publisher_tokens import PublisherToken, Scope, find_publisher_token, list_publisher_tokens
from edge.store.sites import list_sites

SCOPE_WORDS: Mapping[Scope, str] = {
    Scope.READ: "See everything that a viewer sees: rules, traffic, charges, months.",
    Scope.PRICES: "Change rules and publish them; it sees what it changes.",
    Scope.REPORTS: "Download charges, statements and the audit log.",
    Scope.TEAM: "What an owner changes: people, sites, webhooks, settings, tokens. It makes nobody more than it is.",
    Scope.REFUNDS: "Give charges back to crawlers, whole or in part.",
}

LIVES: Mapping[str, int | None] = {"30": 30, "90": 90, "365": 365, "never": None}
"""How long a token may live, in days, by the word in the form."""

OVERLAPS: Mapping[str, int] = {"0": 0, "1": 3_600, "24": 86_400, "168": 7 * 86_400}
"""How long an old token opens beside the new one, in seconds, by the word in the form (hours)."""


@dataclass(frozen=True, slots=True)
class TokenLine:
    """One token and where it stands now: ``in force``, ``expired`` or ``revoked``."""

    token: PublisherToken
    state: str


@dataclass(frozen=True, slots=True)
class TokenList:
    """All tokens of a publisher, the newest first; ``hosts`` are the sites that a new one can be limited to."""

    in_force: tuple[TokenLine, ...]
    ended: tuple[TokenLine, ...]
    hosts: tuple[str, ...]


def token_list(connection: Connection, publisher_id: int, now_micros: int) -> TokenList:
    """The tokens of a publisher, those in force apart from those that ended."""
    lines = [TokenLine(one, one.state_at(now_micros)) for one in list_publisher_tokens(connection, publisher_id)]
    return TokenList(
        tuple(line for line in lines if line.state == "in force"),
        tuple(line for line in lines if line.state != "in force"),
        tuple(site.host for site in list_sites(connection, publisher_id)),
    )


def token_line(connection: Connection, publisher_id: int, token_id: int, now_micros: int) -> TokenLine:
    """One token of a publisher; raises ``UnknownName``."""
    found = find_publisher_token(connection, publisher_id, token_id)
    return TokenLine(found, found.state_at(now_micros))
