"""The demo plays the main job from end to end, and says that everything was as expected."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

FAREBOX = Path(sys.executable).with_name("farebox")
DEMO_SECONDS_MAX = 600


def test_the_demo_ends_well_and_shows_the_books(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FAREBOX_")}
    done = subprocess.run(
        [FAREBOX, "demo", "--no-serve", "--folder", str(tmp_path / "demo")], cwd=tmp_path, env=kept,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEMO_SECONDS_MAX, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    for line in (
        "Everything was as expected.",
        "crawler-charged: USD 0.005",
        "crawler-error: MissingCrawlerPrice",
        "crawler-error: InvalidSignature",
        "the same signed request again is the same charge",
        "a new price is live without a restart",
        "farebox verify",
        "farebox report",
        "The dashboard was at http://127.0.0.1:",
    ):
        assert line in done.stdout, f"{line!r} is not in:\n{done.stdout}"
    assert "NOT AS EXPECTED" not in done.stdout
