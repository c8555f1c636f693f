"""``farebox-crawl plan``: what a list of pages would cost, before anything is bought."""

from __future__ import annotations

from typing import Annotated

import typer

from edge.client.advice import DONE, PARTLY_DONE
from edge.client.amounts_shown import amount, amounts, say_json, sums, words
from edge.client.crawl_options import (
    DEFAULT_STORE,
    AgentOption,
    AllowOption,
    DenyOption,
    JsonFlag,
    KeyOption,
    MaxEachOption,
    PerDayOption,
    PerDomainOption,
    RobotsFlag,
    StoreOption,
    TokenFileOption,
    TokenHostOption,
    TotalOption,
    UserAgentOption,
    bar_of,
    client_of,
    identity_of,
    name_of,
    policy_of,
    step,
    urls_in,
    wallet_at,
)
from edge.client.host_signals import ROBOTS_KEEP, Signals
from edge.client.plan import NoQuote, Plan, make_plan

FileArgument = Annotated[str, typer.Argument(help="A file with one address a line; - is standard input.")]


def plan(
    file: FileArgument,
    max_each: MaxEachOption,
    key: KeyOption = None,
    agent: AgentOption = None,
    token_file: TokenFileOption = None,
    token_host: TokenHostOption = None,
    total: TotalOption = None,
    per_day: PerDayOption = None,
    per_domain_day: PerDomainOption = None,
    allow: AllowOption = None,
    deny: DenyOption = None,
    store: StoreOption = DEFAULT_STORE,
    user_agent: UserAgentOption = None,
    ignore_robots: RobotsFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Ask what pages cost at most, and say what your caps would let you buy. Exit code 3 when not all of them.

    Nothing is bought. A price is what a page costs when nothing makes it free: free pages, coming again and
    subscriptions of your account come before it, and are found out by the purchase alone.
    """
    who = identity_of(key, agent, token_file, token_host)
    urls = urls_in(file)
    policy = policy_of(max_each, total, per_day, per_domain_day, allow, deny)
    # Planning leaves no file behind; with one, what it spent already counts.
    with (
        wallet_at(store if store.exists() else ":memory:", who, policy) as wallet,
        client_of(wallet, user_agent) as client,
        bar_of("asking prices", len(urls)) as bar,
    ):
        signals = Signals(client, name_of(user_agent), is_ignored=ignore_robots)
        quotes = []
        for url in urls:
            quotes.append(client.try_quote(url) if signals.allow(url) else NoQuote(url, ROBOTS_KEEP))
            step(bar)
        made = make_plan(wallet, quotes)
    _tell_plan(made, signals, as_json=as_json)
    raise typer.Exit(DONE if all(page.kept_by is None for page in made.pages) else PARTLY_DONE)


def _tell_plan(made: Plan, signals: Signals, *, as_json: bool) -> None:
    if as_json:
        pages = [
            {
                "url": page.url,
                "price": amount(page.price),
                "buys": page.kept_by is None,
                "kept_by": page.kept_by,
                "free_by": page.free_by,
            }
            for page in made.pages
        ]
        domains = {
            domain: {
                "cost": amounts(cost),
                "licences": signals.by_domain[domain].licences if domain in signals.by_domain else (),
                "content_signals": signals.by_domain[domain].content_signals if domain in signals.by_domain else (),
            }
            for domain, cost in made.by_domain().items()
        }
        say_json({"pages": pages, "domains": domains, "cost": amounts(made.cost), "wanted": amounts(made.wanted)})
        return
    for page in made.pages:
        more = f"  NOT: {page.kept_by}" if page.kept_by else f"  ({page.free_by})" if page.free_by else ""
        typer.echo(f"{words(page.price):>16}  {page.url}{more}")
    for domain, cost in made.by_domain().items():
        said = signals.by_domain.get(domain)
        told = [*(said.licences if said else ()), *(said.content_signals if said else ())]
        typer.echo(f"{domain}: {sums(cost)}{'; it says: ' + ', '.join(told) if told else ''}")
    kept = sum(page.kept_by is not None for page in made.pages)
    lost = "1 page" if kept == 1 else f"{kept} pages"
    typer.echo(f"to buy: {sums(made.cost)}; all of it would be {sums(made.wanted)}; {lost} would not be had")
    if made.cost:
        typer.echo("That is the most: pages that your account gets free there, and pages bought lately, cost nothing.")
