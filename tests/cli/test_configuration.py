"""``farebox config`` shows what is in force and where it came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.settings import Settings
from tests.cli.conftest import Farebox


def test_show_names_the_source_of_each_value(
    farebox_anywhere: Farebox, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workplace / "farebox.toml").write_text('operator = "file"\n')
    monkeypatch.setenv("FAREBOX_NODE", "a")
    monkeypatch.setenv("FAREBOX_DATABASE_URL", "postgresql://farebox:s3cret@db/farebox")
    result = farebox_anywhere("config", "show", "--json")
    rows = {row["setting"]: row for row in result.json}
    assert rows["operator"]["source"] == str(workplace / "farebox.toml")
    assert rows["node"] == {"setting": "node", "value": "a", "source": "FAREBOX_NODE"}
    assert rows["workers"]["source"] == "default"
    assert set(rows) == set(Settings.model_fields)
    assert "s3cret" not in result.out


def test_check_says_yes_or_every_reason_why_not(farebox_anywhere: Farebox, monkeypatch: pytest.MonkeyPatch) -> None:
    assert farebox_anywhere("config", "check").code == 0
    monkeypatch.setenv("FAREBOX_DEV", "perhaps")
    monkeypatch.setenv("FAREBOX_EDGE_BIND", "nowhere")
    result = farebox_anywhere("config", "check")
    assert result.code == 1
    assert "FAREBOX_DEV" in result.err
    assert "FAREBOX_EDGE_BIND" in result.err


def test_schema_describes_every_setting(farebox_anywhere: Farebox) -> None:
    schema = farebox_anywhere("config", "schema", "--json").json
    assert set(schema["properties"]) == set(Settings.model_fields)
    assert schema["additionalProperties"] is False
    assert all("description" in field for field in schema["properties"].values())
    assert "Least severity that is logged." in farebox_anywhere("config", "schema").out
