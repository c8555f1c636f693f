"""``farebox checkpoint``: sign where the chains end now."""

from __future__ import annotations

from typing import Annotated

import typer

from edge.cli.terminal import JsonFlag, say, show_json
from edge.cli.workplace import opened, settings_here
from edge.core.checkpoint import Checkpoint, checkpoint_claims
from edge.store.checkpoint_keeper import CheckpointKeeper
from edge.store.checkpoints import CheckpointRow, last_row


def checkpoint(
    token: Annotated[bool, typer.Option("--token", help="Print only the newest signed text, to keep or send.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Sign where every chain of the ledger ends now, and add it to the kept file; a running edge does so by itself."""
    settings = settings_here()
    with opened(settings) as database:
        made = CheckpointKeeper(database, settings.data_dir, settings.operator, settings.kept_checkpoints).keep()
        with database.read() as connection:
            last = last_row(connection)
    if token:
        say(last.token if last else "")
    elif as_json:
        claims = checkpoint_claims(made) if made else None
        show_json({"made": made is not None, "token": last.token if last else None, "claims": claims})
    else:
        say(_sentence(made, last))
        if last is not None:
            say(f"kept in {settings.kept_checkpoints}; its hash is {last.hash.hex()}")


def _sentence(made: Checkpoint | None, last: CheckpointRow | None) -> str:
    if made is not None:
        return f"checkpoint {made.number}: {made.writers} writers, heads {made.heads_digest}"
    if last is None:
        return "nothing was ever written: there is nothing to sign"
    return f"nothing was written since checkpoint {last.number}"
