"""``farebox-crawl doctor`` and ``quote``: questions that cost nothing."""

from __future__ import annotations

from typing import Annotated

import httpx2
import typer

from edge.client.advice import DONE, FAILED, PARTLY_DONE
from edge.client.amounts_shown import amount, say_json, words
from edge.client.crawl_options import (
    AgentOption,
    JsonFlag,
    KeyOption,
    NeededAgent,
    NeededKey,
    TokenFileOption,
    TokenHostOption,
    UserAgentOption,
    bar_of,
    client_of,
    identity_of,
    name_of,
    policy_of,
    step,
    wallet_at,
)
from edge.client.doctor import Finding, directory_findings, edge_findings, key_findings
from edge.client.fetching import Quote
from edge.client.identity import Identity
from edge.client.page_url import page_url

NOTHING = ["USD 0"]
"""What these commands may spend."""


def doctor(
    key: NeededKey,
    agent: NeededAgent,
    edge: Annotated[
        str | None, typer.Option("--edge", help="A page with a price, to see whether it would sell.")
    ] = None,
    user_agent: UserAgentOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Look for what would keep your crawler from paying: key, directory, clock, signature. Nothing is bought."""
    findings = list(key_findings(key))
    if findings[0].is_good is not None and key.exists():
        who = Identity.load(key, agent)
        with wallet_at(":memory:", who, policy_of(NOTHING)) as wallet, client_of(wallet, user_agent) as client:
            with httpx2.Client(headers={"user-agent": name_of(user_agent)}, timeout=10) as plain:
                findings += directory_findings(who, plain.get)
            if edge is not None:
                findings += edge_findings(client, page_url(edge))
    if as_json:
        rows = [{"check": one.check, "is_good": one.is_good, "says": one.says} for one in findings]
        say_json({"findings": rows})
    else:
        for one in findings:
            typer.echo(_line(one))
    raise typer.Exit(FAILED if any(one.is_good is False for one in findings) else DONE)


def _line(one: Finding) -> str:
    mark = {True: "good", False: "BAD", None: "-"}[one.is_good]
    return f"{mark:4}  {one.check}: {one.says}"


def quote(
    urls: Annotated[list[str], typer.Argument(help="The pages' addresses.")],
    key: KeyOption = None,
    agent: AgentOption = None,
    token_file: TokenFileOption = None,
    token_host: TokenHostOption = None,
    user_agent: UserAgentOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Ask what pages cost for your crawler, at most. Nothing is bought. Exit code 3 when not all have an answer.

    What your account gets free (free pages, coming again, a subscription) is found out by the purchase alone.
    """
    who = identity_of(key, agent, token_file, token_host)
    addresses = [page_url(url) for url in urls]
    with (
        wallet_at(":memory:", who, policy_of(NOTHING)) as wallet,
        client_of(wallet, user_agent) as client,
        bar_of("asking prices", len(addresses)) as bar,
    ):
        found = []
        for address in addresses:
            found.append(client.try_quote(address))
            step(bar)
    if as_json:
        rows = [
            {"url": one.url, "price": amount(one.price), "status": one.status, "says": None}
            if isinstance(one, Quote)
            else {"url": one.url, "price": None, "status": None, "says": one.reason}
            for one in found
        ]
        say_json({"quotes": rows})
    else:
        for one in found:
            typer.echo(
                f"{words(one.price) if one.price else 'free':>16}  {one.url}"
                if isinstance(one, Quote)
                else f"{'?':>16}  {one.url}: {one.reason}"
            )
    raise typer.Exit(DONE if all(isinstance(one, Quote) for one in found) else PARTLY_DONE)
