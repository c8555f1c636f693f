"""``farebox account alert``: below which amount the crawler and the operator are told that funds run out."""

from __future__ import annotations

from typing import Annotated

import typer

from edge.cli.rules import author
from edge.cli.terminal import JsonFlag, WrongUsage, say, show_json
from edge.cli.workplace import opened, settings_here
from edge.core.money import InvalidPrice, Money, parse_price
from edge.store.accounts import show as accounts_of
from edge.store.alerts import AlertView, remove_alert, set_alert, show_alerts
from edge.store.crawlers import find_crawler
from edge.store.problems import UnknownName


def set_or_turn_off(
    name: Annotated[str, typer.Argument(help="The crawler's name.")],
    below: Annotated[str | None, typer.Option(help="Tell when less than this is left, such as 'USD 5'.")] = None,
    off: Annotated[bool, typer.Option("--off", help="Turn the alert off.")] = False,
    currency: Annotated[str | None, typer.Option(help="Which one to turn off, where there are several.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Have the webhook event account.low sent, once, when an account can spend less than an amount."""
    if off == (below is not None):
        raise WrongUsage("say --below 'USD 5' to set the alert, or --off to turn it off")
    if currency is not None and not off:
        raise WrongUsage("--currency is for --off; an amount names its own")
    amount = None if below is None else _read_amount(below)
    with opened(settings_here()) as database:
        with database.read() as connection:
            known = find_crawler(connection, name)
            owned = [account.account_id for account in accounts_of(connection, known.crawler_id)]
            views = show_alerts(connection, owned)
        if amount is None:
            of = _currency(views, currency)
            remove_alert(database, known.crawler_id, of, author=author())
        else:
            of = amount.currency
            set_alert(database, known.crawler_id, amount, author=author())
            with database.read() as connection:
                views = show_alerts(connection, owned)
    view = next(view for view in views if view.below.currency == of)
    if as_json:
        show_json({"off": off, "below": str(view.below), "below_micros": view.below.amount_micros, "low": view.told})
    elif off:
        say(f"nobody is told any more when {known.name} has less than {view.below} left")
    else:
        already = "; it has less already, so only the next time" if view.told else ""
        say(f"account.low is sent once {known.name} has less than {view.below} left{already}")


def _currency(views: list[AlertView], wanted: str | None) -> str:
    found = sorted(view.below.currency for view in views)
    if wanted in found:
        return str(wanted)
    if wanted is not None or not found:
        raise UnknownName("there is no such alert; `farebox account show` lists them", "currency")
    if len(found) > 1:
        raise WrongUsage(f"there is one in {' and one in '.join(found)}; say which with --currency")
    return found[0]


def _read_amount(text: str) -> Money:
    try:
        return parse_price(text)
    except InvalidPrice as why:
        raise WrongUsage(f"--below: {why}") from why
