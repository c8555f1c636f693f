"""Photograph every screen in both themes into docs/images/screens, and write docs/screens.md that shows them.

    make screenshots

Rules of this file
- The screens are those of `tests/support/screens.py` that have a name; people, prices and clock are the newsroom's, so
  that two runs make the same pictures.
- Pictures have 256 colours at most and are no taller than a few windows: small enough to be committed.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import Literal, cast

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from edge.core.catalogue import Catalogue
from edge.store import schema
from edge.store.database import Database
from tests.support.browser_window import ARGUMENTS, BROWSERS, Served, open_window, sign_in, wait_for_work
from tests.support.busy_weeks import fill_weeks
from tests.support.dashboard_server import serving
from tests.support.newsroom import NOW, build
from tests.support.screens import NOBODY, SCREENS, Screen

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "images" / "screens"
PAGE = ROOT / "docs" / "screens.md"
CHARGES, COLOURS = 4000, 256
WIDTH, HEIGHT, TALLEST = 1280, 960, 2400
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
README_PICTURES = ("overview-light", "review-dark")
HEAD = """# Every screen

Made by `make screenshots` from sample data: a newspaper with two sites, on a clock that stands at 20 November 2026.
What each screen is for is in [dashboard.md](dashboard.md).
"""


def main() -> int:
    shutil.rmtree(PICTURES, ignore_errors=True)
    PICTURES.mkdir(parents=True)
    named = [screen for screen in SCREENS if screen.name]
    with _newsroom() as served, _chromium() as browser:
        for theme in THEMES:
            for who, screens in groupby(sorted(named, key=lambda one: one.who), key=lambda one: one.who):
                _photograph(browser, served, theme, who, list(screens))
    for name in README_PICTURES:
        _cut(PICTURES / f"{name}.png", PICTURES.parent / f"{name}.png")
    PAGE.write_text(_page(named), encoding="utf-8")
    size = sum(path.stat().st_size for path in PICTURES.iterdir())
    print(f"screenshots: {2 * len(named)} pictures, {size / 1e6:.1f} MB")
    return 0


@contextmanager
def _newsroom() -> Iterator[Served]:
    with tempfile.TemporaryDirectory() as place:
        database = Database.open(f"sqlite:///{place}/newsroom.db")
        schema.upgrade(database)
        newsroom = build(database, charges=CHARGES, requests=1)
        fill_weeks(database, newsroom)
        with serving(database, newsroom, Path(place), Catalogue.load(), NOW.timestamp) as served:
            yield served
        database.close()


@contextmanager
def _chromium() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        sys.exit("screenshots: no Chromium on this machine: run scripts/ensure_programs chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*ARGUMENTS, "--hide-scrollbars"])
        yield browser
        browser.close()


def _photograph(
    browser: Browser, served: Served, theme: Literal["light", "dark"], who: str, screens: list[Screen]
) -> None:
    view = {"width": WIDTH, "height": HEIGHT}
    context, window = open_window(browser, served, color_scheme=theme, viewport=view, reduced_motion="reduce")
    if who != NOBODY:
        sign_in(window.page, who)
    for screen in screens:
        window.page.goto(served.address_of(screen))
        wait_for_work(window.page)
        _keep(window.page, PICTURES / f"{screen.name}-{theme}.png")
    context.close()


def _keep(page: Page, path: Path) -> None:
    """Write the page from its top, in few colours; the window is made as tall as the picture."""
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    tall = min(max(int(page.evaluate("document.documentElement.scrollHeight")), HEIGHT), TALLEST)
    page.set_viewport_size({"width": WIDTH, "height": tall})
    _few(Image.open(BytesIO(page.screenshot())).convert("RGB")).save(path, optimize=True)


def _few(picture: Image.Image) -> Image.Image:
    """The picture in its most frequent colours, exactly: a mark of few pixels keeps its colour, as a mean would not."""
    counted = cast(list[tuple[int, tuple[int, int, int]]], picture.getcolors(picture.width * picture.height))
    frequent = sorted(counted, reverse=True)[:COLOURS]
    palette = Image.new("P", (1, 1))
    palette.putpalette(bytes(part for _, colour in frequent for part in colour))
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)


def _cut(whole: Path, top: Path) -> None:
    """The top of a picture, as one sees it in a window."""
    with Image.open(whole) as picture:
        picture.crop((0, 0, WIDTH, HEIGHT)).save(top, optimize=True)


def _page(screens: list[Screen]) -> str:
    parts = [HEAD]
    for screen in screens:
        pictures = " ".join(f"![{screen.title}, {theme}](images/screens/{screen.name}-{theme}.png)" for theme in THEMES)
        parts.append(f"## {screen.title}\n\n{pictures}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
