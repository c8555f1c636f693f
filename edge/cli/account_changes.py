"""``farebox account suspend|resume|limit|correct``: who may pay, how far below zero, and what was a mistake."""

from __future__ import annotations

from typing import Annotated

import typer

from edge.cli.rules import author
from edge.cli.terminal import JsonFlag, WrongUsage, say, show_json
from edge.cli.workplace import opened, settings_here
from edge.core.money import InvalidPrice, Money, parse_price
from edge.store.account_changes import change_limit, suspend_account
from edge.store.account_corrections import take_back
from edge.store.account_documents import account_row
from edge.store.accounts import show as accounts_of
from edge.store.crawlers import Crawler, find_crawler
from edge.store.database import Database
from edge.store.problems import UnknownName

Name = Annotated[str, typer.Argument(help="The crawler's name.")]
Currency = Annotated[str | None, typer.Option(help="Which account, where there are several.")]
Reason = Annotated[str | None, typer.Option(help="Why, for the audit log.")]


def suspend(name: Name, currency: Currency = None, reason: Reason = None, as_json: JsonFlag = False) -> None:
    """Stop one account from paying at once; its money stays, and so do the crawler's other accounts."""
    _set_suspended(name, currency, True, reason or "the account was suspended", as_json)


def resume(name: Name, currency: Currency = None, reason: Reason = None, as_json: JsonFlag = False) -> None:
    """Let a suspended account pay again."""
    _set_suspended(name, currency, False, reason or "the account was let in again", as_json)


def limit(
    name: Name,
    amount: Annotated[str | None, typer.Argument(help="How far it may go below zero, such as 'USD 100'.")] = None,
    postpaid: Annotated[bool, typer.Option("--postpaid", help="Let a prepaid account pay later.")] = False,
    prepaid: Annotated[bool, typer.Option("--prepaid", help="Take the limit away: it pays from its balance.")] = False,
    currency: Currency = None,
    reason: Reason = None,
    as_json: JsonFlag = False,
) -> None:
    """Change how far an account may go below zero; it is never less than what the account owes."""
    if prepaid == (amount is not None) or (prepaid and postpaid):
        raise WrongUsage("say an amount such as 'USD 100', or --prepaid to take the limit away")
    most = None if amount is None else _read_amount(amount)
    if most is not None and currency not in (None, most.currency):
        raise WrongUsage("an amount names its own currency; leave --currency out")
    with opened(settings_here()) as database:
        known = _known(database, name)
        of = most.currency if most else _currency(database, known, currency)
        view = change_limit(
            database, known.crawler_id, of, most,
            may_turn=postpaid, author=author(), reason=reason or "the limit was changed",
        )  # fmt: skip
    if as_json:
        show_json(account_row(view))
    elif most is None:
        say(f"the {of} account of {known.name} is prepaid: it pays from its balance")
    else:
        say(f"the {of} account of {known.name} may go {most} below zero")


def correct(
    name: Name,
    amount: Annotated[str, typer.Argument(help="How much to take back, such as 'USD 10'.")],
    reason: Annotated[str, typer.Option(help="Why, for the books.")],
    number: Annotated[
        str | None, typer.Option(help="The note's own number; the same one is never taken twice.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Take back what was topped up by mistake: a debit note, under the next number; the top-up stays in the books."""
    money = _read_amount(amount)
    with opened(settings_here()) as database:
        known = _known(database, name)
        done = take_back(database, known.crawler_id, money, reason=reason, author=author(), number=number)
        with database.read() as connection:
            rows = [account_row(view) for view in accounts_of(connection, known.crawler_id)]
    row = next(row for row in rows if row["currency"] == money.currency)
    if as_json:
        show_json({"taken": str(done.amount), "number": done.reference, "fresh": done.fresh, "account": row})
    elif done.fresh:
        say(f"took {done.amount} back from {known.name} as {done.reference}, its balance is {row['balance']}")
    else:
        say(f"{done.reference} was written before, nothing was done; the balance is {row['balance']}")


def _set_suspended(name: str, currency: str | None, suspended: bool, reason: str, as_json: bool) -> None:
    with opened(settings_here()) as database:
        known = _known(database, name)
        of = _currency(database, known, currency)
        view = suspend_account(database, known.crawler_id, of, suspended, author=author(), reason=reason)
    if as_json:
        show_json(account_row(view))
    else:
        say(f"the {of} account of {known.name} {'cannot pay any more' if suspended else 'can pay again'}")


def _known(database: Database, name: str) -> Crawler:
    with database.read() as connection:
        return find_crawler(connection, name)


def _currency(database: Database, known: Crawler, wanted: str | None) -> str:
    """The currency that is meant; raises ``UnknownName`` and ``WrongUsage``."""
    if wanted is not None:
        return wanted
    with database.read() as connection:
        found = [view.currency for view in accounts_of(connection, known.crawler_id)]
    if not found:
        raise UnknownName(f"{known.name} has no account; a top-up opens one", "crawler")
    if len(found) > 1:
        raise WrongUsage(f"{known.name} has accounts in {' and '.join(found)}; say which with --currency")
    return found[0]


def _read_amount(text: str) -> Money:
    try:
        return parse_price(text)
    except InvalidPrice as why:
        raise WrongUsage(str(why)) from why
