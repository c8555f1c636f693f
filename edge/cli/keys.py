"""``farebox keys``: the keys that sign receipts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from edge.cli.nouns import noun
from edge.cli.terminal import Column, JsonFlag, say, show_json, show_rows
from edge.cli.workplace import settings_here
from edge.core.keys import public_key_to_jwk
from edge.store.service_keys import ServiceKeys, load_service_keys, rotate_service_keys

app = noun("The keys that sign receipts: shown, and made anew. Old ones go on verifying.")

_COLUMNS = (Column("THUMBPRINT", "kid"), Column("SIGNS", "signs"), Column("FILE", "file"))


@app.command("show", epilog="Example: farebox keys show --json")
def show(as_json: JsonFlag = False) -> None:
    """Show every key, the newest first; as JSON, the published key set. Makes the first key when there is none."""
    _show(load_service_keys(settings_here().data_dir), as_json)


@app.command("rotate", epilog="Example: farebox keys rotate")
def rotate(as_json: JsonFlag = False) -> None:
    """Make a new signing key; a running edge signs with it once it is restarted."""
    keys = rotate_service_keys(settings_here().data_dir, datetime.now(UTC))
    if as_json:
        _show(keys, as_json)
    else:
        say(f"{keys.current.public.thumbprint} signs from now on; restart the edge so that it takes it up")


def _show(keys: ServiceKeys, as_json: bool) -> None:
    newest_first = tuple(reversed(keys.keys))
    if as_json:
        show_json({"keys": [public_key_to_jwk(key.public) for key in newest_first]})
        return
    rows: list[dict[str, Any]] = [
        {"kid": key.public.thumbprint, "signs": key is keys.current, "file": str(key.path)} for key in newest_first
    ]
    show_rows(rows, _COLUMNS, False, "no keys")
