"""``farebox account``: what crawlers have and may spend."""

from __future__ import annotations

from typing import Annotated

import typer

from edge.cli import account_changes, unmatched
from edge.cli.alerts import set_or_turn_off
from edge.cli.budget_table import BUDGET_COLUMNS, budget_row, budgets_of
from edge.cli.budgets import set_or_remove
from edge.cli.nouns import noun
from edge.cli.rules import author
from edge.cli.terminal import Column, JsonFlag, WrongUsage, say, show_json, show_rows
from edge.cli.workplace import opened, reading, settings_here
from edge.core.money import InvalidPrice, Money, parse_price
from edge.store.account_documents import account_row
from edge.store.accounts import Opening
from edge.store.accounts import credit as credit_account
from edge.store.accounts import show as accounts_of
from edge.store.alerts import show_alerts
from edge.store.crawlers import find_crawler
from edge.store.problems import InvalidValue

app = noun("Accounts: what crawlers have and may spend.")
app.add_typer(unmatched.app, name="unmatched")

_COLUMNS = (
    Column("ACCOUNT", "code"),
    Column("TERMS", "terms"),
    Column("BALANCE", "balance", numeric=True),
    Column("AVAILABLE", "available", numeric=True),
    Column("SUSPENDED", "suspended"),
)

Name = Annotated[str, typer.Argument(help="The crawler's name.")]


@app.command("show", epilog="Example: farebox account show ExampleBot")
def show(name: Name, as_json: JsonFlag = False) -> None:
    """Show a crawler's accounts, one for each currency, with their budgets and alerts."""
    with reading() as connection:
        known = find_crawler(connection, name)
        rows = [account_row(account) for account in accounts_of(connection, known.crawler_id)]
        budgets = [budget_row(view) for view in budgets_of(connection, known)]
        alerts = {view.account_id: view for view in show_alerts(connection, [row["id"] for row in rows])}
    for row in rows:
        row["budgets"] = [budget for budget in budgets if budget["currency"] == row["currency"]]
        row["alert_below"] = str(alerts[row["id"]].below) if row["id"] in alerts else None
    columns = (*_COLUMNS, Column("ALERT BELOW", "alert_below", numeric=True)) if alerts else _COLUMNS
    show_rows(rows, columns, as_json, f"{known.name} has no account; a top-up opens one")
    if budgets and not as_json:
        say("")
        show_rows(budgets, BUDGET_COLUMNS, False, "")


app.command("budget", epilog='Example: farebox account budget ExampleBot --per day --amount "USD 5"')(set_or_remove)
app.command("limit", epilog='Example: farebox account limit LateBot "USD 250"')(account_changes.limit)
app.command("suspend", epilog='Example: farebox account suspend ExampleBot --reason "card disputed"')(
    account_changes.suspend
)
app.command("resume", epilog="Example: farebox account resume ExampleBot")(account_changes.resume)
app.command("alert", epilog='Example: farebox account alert ExampleBot --below "USD 5"')(set_or_turn_off)


app.command("correct", epilog='Example: farebox account correct ExampleBot "USD 10" --reason "INV-1 was booked twice"')(
    account_changes.correct
)


@app.command("credit", epilog='Example: farebox account credit ExampleBot "USD 10" --reference INV-1')
def credit(
    name: Name,
    amount: Annotated[str, typer.Argument(help="How much, such as 'USD 10'.")],
    reference: Annotated[str, typer.Option(help="The payment's own name; the same one is never credited twice.")],
    reason: Annotated[str | None, typer.Option(help="Why, for the books.")] = None,
    new_currency: Annotated[
        bool, typer.Option("--new-currency", help="Open an account in a currency that nothing is sold in yet.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Top up a crawler's account; opens a prepaid one in a currency that it has none in yet."""
    money = _read_amount(amount)
    opening = Opening.ANY_CURRENCY if new_currency else Opening.KNOWN_CURRENCY
    with opened(settings_here()) as database:
        with database.read() as connection:
            known = find_crawler(connection, name)
        try:
            done = credit_account(
                database, known.crawler_id, money, reference=reference, author=author(), reason=reason, opening=opening
            )
        except InvalidValue as why:
            if why.field != "amount" or money.amount_micros == 0:
                raise
            raise InvalidValue(f"{why}; if {money.currency} is meant, add --new-currency", why.field) from why
        with database.read() as connection:
            rows = [account_row(account) for account in accounts_of(connection, known.crawler_id)]
    row = next(row for row in rows if row["currency"] == money.currency)
    if as_json:
        show_json({"credited": str(done.amount), "reference": reference, "fresh": done.fresh, "account": row})
    elif done.fresh:
        say(f"credited {done.amount} to {known.name}, its balance is {row['balance']}")
    else:
        say(f"{reference} was credited before, nothing was done; the balance is {row['balance']}")


def _read_amount(text: str) -> Money:
    try:
        return parse_price(text)
    except InvalidPrice as why:
        raise WrongUsage(str(why)) from why
