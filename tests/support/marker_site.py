"""A site of one dear page and many cheap ones, whose server reads addresses as carelessly as any, and spellings of it.

Every answer lists the pages that some real server would have served for that address; a crawler that paid the cheap
price and got an answer that lists the dear page has found a way round the prices.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from edge.core.money import Money, parse_price
from edge.core.rules import Action, Rule, RuleSet, everything_else
from tests.support.crawler_line import Attempt
from tests.support.lenient_origin import readings
from tests.support.page_origin import PageOrigin

DEAR_PAGE = "/archive/2026/report.pdf"
DEAR = Money(900_000, "USD")
CHEAP = Money(1_000, "USD")
RULES = RuleSet(
    (Rule("dear", where="/archive/*", action=Action.CHARGE, price=DEAR),), everything_else(Action.CHARGE, CHEAP)
)
_MARK = b"<!-- the dear page -->"
_SLASHES = ("//", "/./", "/x/../", "/%2e/", "/x/%2e%2e/", "%2f", "%2F", "%5c", "\\", "%252f", "/;/", "%EF%BC%8F")
_ADDITIONS = (";x", "%3Bx", ".", "%2e", "%20", "%252e", "::$DATA", "%00", "%2500", "/", "//", "%2f", "/x/..", "?x=1")


class MarkerOrigin(PageOrigin):
    """Answers every address with the pages that it could stand for."""

    async def _answer(self, head: bytes, writer: asyncio.StreamWriter) -> bool:
        target = head.split(b" ", 2)[1].decode("latin-1")
        body = b"a page\n" + (_MARK if stands_for_the_dear_page(target) else b"")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        return True


def stands_for_the_dear_page(target: str) -> bool:
    """Whether some server would serve the dear page for this address."""
    path = target.partition("?")[0]
    return not set(readings(DEAR_PAGE, random.Random(1))).isdisjoint(readings(path, random.Random(path)))


def was_got_too_cheap(target: str, attempt: Attempt) -> bool:
    """Whether this answer gave the dear page away."""
    paid = CHEAP if attempt.charged is None else parse_price(attempt.charged)
    return attempt.status == 200 and stands_for_the_dear_page(target) and paid.amount_micros < DEAR.amount_micros


def spellings(count: int, seed: int) -> list[str]:
    """Ways to write the dear page's address, most of them wrong; the plain one first."""
    chance = random.Random(seed)
    found = [DEAR_PAGE]
    while len(found) < count:
        text = DEAR_PAGE
        for _ in range(chance.choice([1, 1, 2, 3])):
            text = chance.choice(_CHANGES)(text, chance)
        found.append(text)
    return found


def _escape(path: str, chance: random.Random) -> str:
    at = chance.randrange(len(path))
    return f"{path[:at]}{chance.choice(['%', '%', '%25'])}{ord(path[at]):02x}{path[at + 1 :]}"


def _other_slash(path: str, chance: random.Random) -> str:
    at = chance.choice([place for place, letter in enumerate(path) if letter == "/"] or [0])
    return path[:at] + chance.choice(_SLASHES) + path[at + 1 :]


def _addition(path: str, chance: random.Random) -> str:
    at = chance.choice([place for place, letter in enumerate(path) if letter == "/" and place] + [len(path)])
    return path[:at] + chance.choice(_ADDITIONS) + path[at:]


def _other_case(path: str, chance: random.Random) -> str:
    return "".join(letter.swapcase() if chance.random() < 0.3 else letter for letter in path)


_CHANGES: tuple[Callable[[str, random.Random], str], ...] = (_escape, _other_slash, _addition, _other_case)
