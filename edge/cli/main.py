"""``farebox``: the operators' commands, and how they end.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 partly done. What went wrong is one plain sentence on stderr, and says
what to do next.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.exc import OperationalError
from typer.completion import get_completion_inspect_parameters
from typer.exceptions import Abort, TyperException

import edge
from edge.cli import (
    accounts,
    catalogue,
    configuration,
    crawlers,
    database,
    directories,
    feeds,
    keys,
    person,
    publishers,
    receipts,
    registrations,
    rules,
    sites,
    subscriptions,
    tokens,
    users,
    webhooks,
)
from edge.cli.audit import audit
from edge.cli.backtests import backtest
from edge.cli.charges import charges, refund
from edge.cli.checkpoints import checkpoint
from edge.cli.closing import close
from edge.cli.completion import COMPLETE_VARIABLE, PROGRAM, completion
from edge.cli.estimate import estimate
from edge.cli.nouns import CONTEXT
from edge.cli.reconcile import reconcile
from edge.cli.reports import report
from edge.cli.sample_origin import sample_origin
from edge.cli.terminal import PartlyDone, ReaderLeft, WrongUsage, first_line, note, say
from edge.cli.traffic import activity, traffic
from edge.cli.verify import verify
from edge.core.errors import EdgeError

DONE, FAILED, WRONG_USAGE, PARTLY_DONE, INTERRUPTED = 0, 1, 2, 3, 130

app = typer.Typer(
    name=PROGRAM,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=CONTEXT,
)


@app.callback(epilog="Start with: farebox demo")
def farebox(
    version: Annotated[bool, typer.Option("--version", help="Show the version.", is_eager=True)] = False,
) -> None:
    """Charge AI crawlers for the pages they take: run the edge, set prices, read the ledger."""


class Only(StrEnum):
    """What one process can serve alone."""

    EDGE = "edge"
    DASHBOARD = "dashboard"


@app.command("serve", epilog="Example: farebox serve --only edge")
def serve(
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="Edge processes; more than one needs PostgreSQL.")
    ] = None,
    only: Annotated[Only | None, typer.Option(help="Serve just this part.")] = None,
) -> None:
    """Run the edge, the dashboard and the admin pages until told to stop (SIGTERM or Ctrl+C).

    An embedded SQLite database is created and brought up to date; PostgreSQL is upgraded by `farebox db upgrade`.
    """
    # Two web servers and their applications: no other command should wait for them to load.
    from edge.cli import serve as serving

    serving.serve(workers, serving.Part(only.value) if only else None)


@app.command("demo", epilog="Example: farebox demo --no-serve")
def demo(
    folder: Annotated[
        Path | None, typer.Option(help="A new folder to keep the demo's files in; else a temporary one.")
    ] = None,
    serve: Annotated[
        bool | None, typer.Option("--serve/--no-serve", help="Go on serving at the end; else only on a terminal.")
    ] = None,
) -> None:
    """Show the main job end to end: a crawler is refused with a price, pays, and appears in the books."""
    from edge.cli import demo as showing

    showing.demo(folder, serve)


app.command("charges", epilog="Example: farebox charges --site news.example --since 7d --format csv")(charges)
app.command("traffic", epilog="Example: farebox traffic --site news.example --per day --since 30d")(traffic)
app.command("activity", epilog="Example: farebox activity --site news.example --outcome payment_required")(activity)
app.command("audit", epilog="Example: farebox audit --since 7d")(audit)
app.command("backtest", epilog="Example: farebox backtest --site news.example --rules rules.toml --since 7d")(backtest)
app.command("estimate", epilog="Example: farebox estimate access.log access.log.1.gz --rules rules.toml")(estimate)
app.command("refund", epilog='Example: farebox refund ch_0123456789abcdef0123456789abcdef --reason "wrong page"')(
    refund
)
app.command("report", epilog="Example: farebox report 2026-11 --format csv,jsonl --out reports")(report)
app.command("close", epilog="Example: farebox close 2026-10")(close)
app.command("verify", epilog="Example: farebox verify --month 2026-11 --since kept.json")(verify)
app.command("reconcile", epilog="Example: farebox reconcile receipts.jsonl --crawler ExampleBot --month 2026-11")(
    reconcile
)
app.command("checkpoint", epilog="Example: farebox checkpoint --token > /elsewhere/checkpoint.jws")(checkpoint)
app.command("sample-origin", epilog="Example: farebox sample-origin --bind 127.0.0.1:8000")(sample_origin)
app.command("completion", epilog="Example: farebox completion bash > ~/.local/share/bash-completion/farebox")(
    completion
)
for _name, _group in (
    ("config", configuration.app),
    ("db", database.app),
    ("publisher", publishers.app),
    ("user", users.app),
    ("person", person.app),
    ("site", sites.app),
    ("rules", rules.app),
    ("crawler", crawlers.app),
    ("account", accounts.app),
    ("token", tokens.app),
    ("registration", registrations.app),
    ("subscription", subscriptions.app),
    ("receipt", receipts.app),
    ("keys", keys.app),
    ("directory", directories.app),
    ("feed", feeds.app),
    ("catalogue", catalogue.app),
    ("webhook", webhooks.app),
):
    app.add_typer(_group, name=_name)


def main() -> None:
    """The script's entry: run the words of the command line and exit."""
    sys.exit(run(sys.argv[1:]))


def run(words: Sequence[str], call: Callable[..., object] | None = None) -> int:
    """Run one command and return its exit code.

    ``call`` is the ``main`` of the tree of commands; whoever runs many spares building it again.
    """
    if list(words) == ["--version"]:
        say(f"{PROGRAM} {edge.__version__}")
        return DONE
    if COMPLETE_VARIABLE in os.environ:
        get_completion_inspect_parameters()  # registers the shells that Typer can complete for
    try:
        call = call or typer.main.get_command(app).main
        result = call(args=list(words), prog_name=PROGRAM, complete_var=COMPLETE_VARIABLE, standalone_mode=False)
        sys.stdout.flush()
    except (
        EdgeError,
        OperationalError,
        TyperException,
        Abort,
        KeyboardInterrupt,
        BrokenPipeError,
        ReaderLeft,
    ) as error:
        return _ended_by(error)
    return result if isinstance(result, int) else DONE


def _ended_by(error: BaseException) -> int:
    """Say what went wrong, and with which exit code that ends."""
    match error:
        case WrongUsage():
            _complain(str(error))
            return WRONG_USAGE
        case PartlyDone():
            _complain(str(error))
            return PARTLY_DONE
        case EdgeError():
            _complain(str(error))
            return FAILED
        case OperationalError():
            _complain(f"the database did not do as told ({first_line(error.orig)}); try again")
            return FAILED
        case TyperException() if str(error).startswith("Usage: "):
            note(str(error))  # a group without a command: its help is the answer
            return error.exit_code
        case TyperException():
            _complain(f"{error.format_message().rstrip('.')}; add --help to see how the command is used")
            return error.exit_code
        case BrokenPipeError() | ReaderLeft():
            # Whoever read our output has seen enough; nothing more may be written, not even by the interpreter.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return DONE
        case _:
            note("stopped")
            return INTERRUPTED


def _complain(sentence: str) -> None:
    text = " ".join(sentence.split())
    note(f"farebox: {text}" if text.endswith((".", "?")) else f"farebox: {text}.")


if __name__ == "__main__":
    main()
