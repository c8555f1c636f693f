"""``farebox config``: what is set, whether it can be used, and what could be."""

from __future__ import annotations

import os
from pathlib import Path

from edge.cli.nouns import noun
from edge.cli.terminal import Column, JsonFlag, say, show_json, show_rows
from edge.cli.workplace import settings_here
from edge.settings import Settings, check_settings, read_layers

app = noun("The settings: FAREBOX_* over farebox.toml over defaults.")

_COLUMNS = (Column("SETTING", "setting"), Column("VALUE", "value"), Column("FROM", "source"))


@app.command("show", epilog="Example: farebox config show --json")
def show(as_json: JsonFlag = False) -> None:
    """Show every setting in force and where it came from; the database password is hidden."""
    layers = read_layers(os.environ, Path.cwd())
    values = check_settings(layers).public_dump()
    rows = [
        {"setting": name, "value": value, "source": layers.sources.get(name, "default")}
        for name, value in values.items()
    ]
    show_rows(rows, _COLUMNS, as_json, "no settings")


@app.command("check", epilog="Example: farebox config check && farebox serve")
def check(as_json: JsonFlag = False) -> None:
    """Say whether the settings can be used, without starting anything."""
    from edge.proxy.payment_secrets import read_payment_secrets  # loads FastAPI: not for the other commands

    settings = settings_here()
    read_payment_secrets(settings)
    if as_json:
        show_json({"ok": True, "database_url": settings.public_dump()["database_url"]})
    else:
        say("the settings can be used")


@app.command("schema", epilog="Example: farebox config schema > farebox.schema.json")
def schema(as_json: JsonFlag = False) -> None:
    """List every setting with its default and meaning; as JSON, the JSON Schema of farebox.toml."""
    if as_json:
        show_json(Settings.model_json_schema())
        return
    defaults = Settings().public_dump()
    rows = [
        {"setting": name, "value": defaults[name], "source": field.description}
        for name, field in Settings.model_fields.items()
    ]
    columns = (Column("SETTING", "setting"), Column("DEFAULT", "value"), Column("MEANING", "source"))
    show_rows(rows, columns, False, "no settings")
