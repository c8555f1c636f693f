"""``farebox person``: what is kept about somebody, and its end."""

from __future__ import annotations

from typing import Annotated

import typer

from edge.cli.nouns import noun
from edge.cli.rules import author
from edge.cli.terminal import JsonFlag, note, say, show_json
from edge.cli.workplace import opened, reading, settings_here
from edge.store.database import now_micros
from edge.store.erasure import Erased, erase_person
from edge.store.person_data import Who, export_person
from edge.store.problems import UnknownName

app = noun("Persons: what is kept about somebody, and its end.")

Name = Annotated[
    str,
    typer.Argument(metavar="EMAIL", help="What the person signs in with, or the system's name of a user of commands."),
]


@app.command("export", epilog="Example: farebox person export owner@news.example > owner.json")
def export(email: Name, as_json: JsonFlag = True) -> None:
    """Print everything that is kept about a person, as JSON; secrets such as password hashes are left out.

    It is JSON without ``--json`` too, which every command takes.
    """
    with reading() as connection:
        who = Who.find(connection, email)
        kept = export_person(connection, who)
    if not kept:
        raise UnknownName(f"nothing is kept under the name {who.name}; names are compared whole, case aside", "email")
    show_json({"name": who.name, "person_id": who.person_id, "kept": kept})


@app.command("erase", epilog='Example: farebox person erase owner@news.example --reason "asked by letter"')
def erase(
    email: Name,
    reason: Annotated[str, typer.Option(help="Why; it is recorded, so leave the name out.")] = "a person was erased",
    yes: Annotated[bool, typer.Option("--yes", help="Also when nobody else owns a publisher of theirs.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Delete or rename what is kept about a person, end their sessions, and record that it was done.

    What is in the books stays: names in entries and in closed months are under their hashes and signatures.
    """
    with opened(settings_here()) as database:
        done = erase_person(
            database, email, author=author(), reason=reason, now_micros=now_micros(), even_last_owner=yes
        )
    if as_json:
        show_json({"pseudonym": done.pseudonym, "changed": done.changed, "kept": done.kept})
    else:
        _tell(done)


def _tell(done: Erased) -> None:
    say(f"erased; where a name is needed it is {done.pseudonym} now")
    for place, rows in done.changed.items():
        say(f"  {place}: {rows}")
    if done.kept:
        say("kept, because books and contracts need it:")
        for place, rows in done.kept.items():
            say(f"  {place}: {rows}")
    if "publisher.email" in done.kept:
        note("a publisher's own address is changed with `farebox publisher set NAME --email ADDRESS`")
