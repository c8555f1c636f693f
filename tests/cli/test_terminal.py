"""What commands print of strangers' texts drives no terminal."""

from __future__ import annotations

import orjson
import pytest

from edge.cli.terminal import harmless_json, show_fields, show_json

HOSTILE = "Bot\x1b[31m\x9b31m\x85\x7f\u202e\u2028 Zoë 日本"


def test_json_says_the_same_without_a_character_that_drives_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show_json({"user_agent": HOSTILE})
    printed = capsys.readouterr().out
    assert orjson.loads(printed) == {"user_agent": HOSTILE}
    assert all(sign.isprintable() or sign == "\n" for sign in printed)
    assert "Zoë 日本" in printed


def test_json_of_one_line_is_as_harmless() -> None:
    line = harmless_json(orjson.dumps(HOSTILE))
    assert line.isprintable()
    assert orjson.loads(line) == HOSTILE


def test_fields_for_people_name_such_characters(capsys: pytest.CaptureFixture[str]) -> None:
    show_fields({"user_agent": HOSTILE}, as_json=False)
    assert "\\x9b31m" in capsys.readouterr().out
