"""``farebox account budget``: what a crawler may spend a day, a month, or a month at one site."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from edge.cli.budget_table import budget_row, budgets_of
from edge.cli.rules import author
from edge.cli.terminal import JsonFlag, WrongUsage, say, show_json
from edge.cli.workplace import opened, settings_here
from edge.core.budgets import Per
from edge.core.money import InvalidPrice, Money, parse_price
from edge.store.budgets import BudgetPlace, BudgetView, remove_budget, set_budget
from edge.store.crawlers import find_crawler
from edge.store.problems import UnknownName
from edge.store.sites import find_site


def set_or_remove(
    name: Annotated[str, typer.Argument(help="The crawler's name.")],
    per: Annotated[Per, typer.Option(help="A UTC day, a UTC month, or a UTC month at one site.")],
    amount: Annotated[str | None, typer.Option(help="At most this in each, such as 'USD 5'.")] = None,
    site: Annotated[str | None, typer.Option(help="The site's host, with --per site.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the budget away.")] = False,
    currency: Annotated[str | None, typer.Option(help="Which one to remove, where there are several.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Set, change or remove a budget of a crawler; pages that do not fit into it are refused until it resets."""
    if remove == (amount is not None):
        raise WrongUsage("say --amount 'USD 5' to set a budget, or --remove to take it away")
    if (per is Per.SITE) != (site is not None):
        raise WrongUsage("--per site and --site HOST go together")
    if currency is not None and not remove:
        raise WrongUsage("--currency is for --remove; an amount names its own")
    limit = None if amount is None else _read_amount(amount)
    with opened(settings_here()) as database:
        with database.read() as connection:
            known = find_crawler(connection, name)
            site_id = None if site is None else find_site(connection, site).site_id
            views = budgets_of(connection, known)
            of = limit.currency if limit else _currency(views, per, site_id, currency)
        place = BudgetPlace(known.crawler_id, of, per, site_id)
        if limit is None:
            remove_budget(database, place, author=author())
        else:
            set_budget(database, place, limit, author=author())
            with database.read() as connection:
                views = budgets_of(connection, known)
    view = next(view for view in views if _is_at(view, per, site_id) and view.budget.limit.currency == of)
    if as_json:
        show_json({"removed": remove, "budget": budget_row(view)})
    elif remove:
        say(f"{known.name} has no budget of {view.budget.name} any more")
    else:
        row = budget_row(view)
        say(f"{known.name} may spend {row['name']}: {row['spent']} is spent, it resets at {row['resets_at']}")


def _currency(views: Iterable[BudgetView], per: Per, site_id: int | None, wanted: str | None) -> str:
    """The currency of the budget that is to go."""
    found = sorted({view.budget.limit.currency for view in views if _is_at(view, per, site_id)})
    if wanted is not None and wanted in found:
        return wanted
    if wanted is not None or not found:
        raise UnknownName("there is no such budget; `farebox account show` lists them", "per")
    if len(found) > 1:
        raise WrongUsage(f"there is one in {' and one in '.join(found)}; say which with --currency")
    return found[0]


def _is_at(view: BudgetView, per: Per, site_id: int | None) -> bool:
    return (view.budget.per, view.budget.site_id) == (per, site_id)


def _read_amount(text: str) -> Money:
    try:
        return parse_price(text)
    except InvalidPrice as why:
        raise WrongUsage(f"--amount: {why}") from why
