"""``farebox user``: who may sign in to the dashboard."""

from __future__ import annotations

import secrets
import sys
from typing import Annotated

import typer

from edge.cli.nouns import noun
from edge.cli.rules import author
from edge.cli.terminal import JsonFlag, WrongUsage, note, say, show_json
from edge.cli.workplace import opened, settings_here, writing
from edge.store.audit_events import Action, record
from edge.store.database import now_micros
from edge.store.passwords import Passwords, password_fault
from edge.store.people import EmailTaken, Person, Role, add_person, find_person, set_operates, set_password
from edge.store.problems import NameTaken, UnknownName
from edge.store.publishers import find_publisher, read_email
from edge.store.second_factors import turn_off
from edge.store.sessions import end_others
from edge.store.team import set_role

app = noun("Users: who may sign in to the dashboard.")

Email = Annotated[str, typer.Argument(help="The address that the person signs in with.")]
PublisherOption = Annotated[str, typer.Option(help="The publisher whose sites the person may see.")]
RoleOption = Annotated[Role, typer.Option(help="What the person may do there.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking for it.")
]


@app.command("add", epilog='Example: farebox user add owner@news.example --publisher "Example News" --role owner')
def add(
    email: Email,
    publisher: PublisherOption,
    role: RoleOption = Role.OWNER,
    password_stdin: FromStdin = False,
    as_json: JsonFlag = False,
) -> None:
    """Add somebody who may sign in. Without --password-stdin the password is asked for, or made up in a pipe."""
    address = read_email(email)
    with opened(settings_here()) as database, database.read() as connection:
        # Before a password is asked for, which would be for nothing.
        joins = find_publisher(connection, publisher)
        if find_person(connection, address) is not None:
            raise _known_already(address, joins.name, role)
    password, made_up = _new_password(address, password_stdin)
    password_hash = Passwords().hash(password)
    with writing() as connection:
        try:
            person = add_person(connection, address, password_hash, now_micros())
        except EmailTaken:
            raise _known_already(address, joins.name, role) from None
        set_role(connection, joins.publisher_id, person.person_id, role, author=author(), now_micros=now_micros())
    _tell(person.email, password if made_up else None, as_json, f"{person.email} is {role.value} of {joins.name} now")


@app.command("passwd", epilog="Example: farebox user passwd owner@news.example")
def passwd(email: Email, password_stdin: FromStdin = False, as_json: JsonFlag = False) -> None:
    """Give somebody a new password and end their sessions."""
    password, made_up = _new_password(read_email(email), password_stdin)
    password_hash = Passwords().hash(password)
    with writing() as connection:
        person = _known(find_person(connection, email), email)
        set_password(connection, person.person_id, password_hash)
        end_others(connection, person.person_id, None)
        by = author()
        record(connection, Action.PASSWORD_CHANGED, author=by, now_micros=now_micros(), subject=person.email)
    _tell(person.email, password if made_up else None, as_json, f"{person.email} has a new password")


@app.command("role", epilog='Example: farebox user role owner@news.example editor --publisher "Example News"')
def role(
    email: Email,
    role: Annotated[Role, typer.Argument(help="What the person may do from now on.")],
    publisher: PublisherOption,
    as_json: JsonFlag = False,
) -> None:
    """Say what somebody may do for a publisher, in place of what they could before."""
    with writing() as connection:
        person = _known(find_person(connection, email), email)
        joins = find_publisher(connection, publisher)
        set_role(connection, joins.publisher_id, person.person_id, role, author=author(), now_micros=now_micros())
    _tell(person.email, None, as_json, f"{person.email} is {role.value} of {joins.name} now")


@app.command("reset-second-step", epilog="Example: farebox user reset-second-step owner@news.example")
def reset_second_step(email: Email, as_json: JsonFlag = False) -> None:
    """Take somebody's authenticator app, recovery codes and passkeys away, and end their sessions."""
    with writing() as connection:
        person = _known(find_person(connection, email), email)
        turn_off(connection, person, author=author(), now_micros=now_micros(), passkeys=True)
        end_others(connection, person.person_id, None)
    _tell(person.email, None, as_json, f"{person.email} signs in with the password alone now")


@app.command("operator", epilog="Example: farebox user operator admin@edge.example")
def operator(
    email: Email,
    off: Annotated[bool, typer.Option("--off", help="Not any more.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Let somebody see the operator's pages of the dashboard: all crawlers' accounts and all webhooks."""
    with writing() as connection:
        person = _known(find_person(connection, email), email)
        set_operates(connection, person.person_id, not off)
        action = Action.OPERATOR_UNMADE if off else Action.OPERATOR_MADE
        record(connection, action, author=author(), now_micros=now_micros(), subject=person.email)
    _tell(person.email, None, as_json, f"{person.email} {'no longer sees' if off else 'sees'} the operator's pages now")


def _known_already(address: str, publisher: str, role: Role) -> NameTaken:
    """Nothing was changed; the commands that may be meant."""
    return NameTaken(
        f"{address} has an account already, and nothing was changed. To make them {role.value} of {publisher}: "
        f'`farebox user role {address} {role.value} --publisher "{publisher}"`; for a new password: '
        f"`farebox user passwd {address}`",
        "email",
    )


def _known(person: Person | None, email: str) -> Person:
    if person is None:
        raise UnknownName(f"nobody signs in with {email}; add them with `farebox user add`", "email")
    return person


def _new_password(email: str, from_stdin: bool) -> tuple[str, bool]:
    """A password that may be used, and whether it was made up here."""
    if from_stdin:
        password = sys.stdin.readline().rstrip("\n")
    elif sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        return secrets.token_urlsafe(18), True
    fault = password_fault(password, email)
    if fault is not None:
        raise WrongUsage(f"this password cannot be used: {fault}")
    return password, False


def _tell(email: str, password: str | None, as_json: bool, sentence: str) -> None:
    if as_json:
        show_json({"email": email} | ({"password": password} if password else {}))
        return
    say(sentence)
    if password:
        say(f"password: {password}")
        note("this password is shown once; the person can change it after signing in")
