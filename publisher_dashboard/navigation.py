"""The way through the dashboard: which entries there are, in which order, and which of them is current. Pure.

Rules of this file
- Every screen of the product has its entry here; it is shown once a route with one of its addresses exists, so that
  a page that is added to the table of routes appears by itself, and no entry ever leads nowhere.
- The entry whose address is the longest beginning of the page's own address is the current one.
- ``letter`` is what goes there after ``g`` on the keyboard; no two entries share one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote, urlencode

_PUBLISHER = "/publishers/{publisher_id:int}"
_SITE = "/sites/{host}"
_TEAM = "/portal/{crawler_id:int}"


class Door(StrEnum):
    """Who a group of entries is for."""

    PUBLISHER = "publisher"
    OPERATOR = "operator"
    PORTAL = "portal"


@dataclass(frozen=True, slots=True)
class Entry:
    """One screen: ``paths`` are the addresses it may have, as routes write them; the first that exists is the one.

    ``below`` are further addresses whose pages belong to it; ``count`` names the number beside it.
    """

    key: str
    text: str
    paths: tuple[str, ...]
    letter: str = ""
    below: tuple[str, ...] = ()
    count: str = ""
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Entries under one title; the first group of a door has none."""

    title: str
    door: Door
    entries: tuple[Entry, ...]


GROUPS: tuple[Group, ...] = (
    Group(
        "",
        Door.PUBLISHER,
        (
            Entry("overview", "Overview", (_PUBLISHER,), "o", alone=True),
            Entry(
                "rules", "Pricing rules", (f"{_SITE}/rules",), "r", count="draft",
                below=tuple(f"{_SITE}/{word}" for word in ("presets", "review", "publish", "discard", "history")),
            ),
            Entry("test", "Test a URL", (f"{_SITE}/test",), "t"),
            Entry("crawlers", "Crawlers", (f"{_SITE}/crawlers",), "c"),
            Entry("activity", "Activity", (f"{_SITE}/activity",), "a", below=(f"{_PUBLISHER}/activity",)),
            Entry(
                "earnings", "Earnings", (f"{_PUBLISHER}/earnings", f"{_PUBLISHER}/months"), "e",
                below=(f"{_PUBLISHER}/months", f"{_PUBLISHER}/charges"),
            ),
            Entry("content", "Content", (f"{_SITE}/content",), "p"),
        ),
    ),
    Group(
        "Site",
        Door.PUBLISHER,
        (
            Entry("estimate", "Estimate from logs", (f"{_SITE}/estimate",), "l"),
            Entry("signals", "Signals", (f"{_SITE}/signals",), "s"),
            Entry("connect", "Connect", (f"{_SITE}/connect",), "k", below=(f"{_SITE}/verify",)),
            Entry("settings", "Settings", (f"{_SITE}/settings",), "x"),
        ),
    ),
    Group(
        "Publisher",
        Door.PUBLISHER,
        (
            Entry("sites", "Sites", (f"{_PUBLISHER}/sites",), "w"),
            Entry("team", "Team", (f"{_PUBLISHER}/team",), "m"),
            Entry("tokens", "Tokens", (f"{_PUBLISHER}/tokens",), "y"),
            Entry("webhooks", "Webhooks", (f"{_PUBLISHER}/webhooks",), "h"),
            Entry("audit", "Audit log", (f"{_PUBLISHER}/audit",), "u"),
            Entry("details", "Details", (f"{_PUBLISHER}/settings",), "d"),
        ),
    ),
    Group(
        "",
        Door.PORTAL,
        (
            Entry("portal-overview", "Overview", (_TEAM,), alone=True),
            Entry("portal-charges", "Charges", (f"{_TEAM}/charges",)),
            Entry("portal-months", "Statements", (f"{_TEAM}/months",)),
            Entry("portal-budgets", "Budgets", (f"{_TEAM}/budgets",), below=(f"{_TEAM}/budget",)),
            Entry("portal-prices", "Price search", (f"{_TEAM}/prices",)),
            Entry("portal-tokens", "API tokens", (f"{_TEAM}/tokens",), below=(f"{_TEAM}/token",)),
            Entry("portal-keys", "Keys", (f"{_TEAM}/keys",)),
            Entry("portal-team", "Team", (f"{_TEAM}/team",), below=(f"{_TEAM}/invite",)),
            Entry("portal-audit", "Audit log", (f"{_TEAM}/audit",)),
            Entry("portal-register", "Register an agent", ("/portal/register",)),
        ),
    ),
    Group(
        "Operator",
        Door.OPERATOR,
        (
            Entry("operator-publishers", "Publishers", ("/operator/publishers",)),
            Entry("operator-crawlers", "Crawlers' accounts", ("/operator/crawlers",)),
            Entry("operator-sites", "Sites that wait", ("/operator/sites",)),
            Entry("operator-registrations", "Registrations", ("/operator/registrations",), count="registrations"),
            Entry("operator-months", "Months", ("/operator/months",), count="months"),
            Entry(
                "operator-adjustments", "Adjustments", ("/operator/adjustments",),
                below=("/operator/charges", "/operator/payments"),
            ),
            Entry("operator-health", "Health", ("/operator/health",)),
            Entry("operator-audit", "Audit log", ("/operator/audit",)),
            Entry("operator-webhooks", "All webhooks", ("/operator/webhooks",)),
        ),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Here:
    """Where somebody is: the address, and the publisher and site that the frame stands on.

    ``crawler_id`` is the crawler of the portal; ``choosing`` is the entry for which a site is being chosen; ``counts``
    are the numbers beside entries, by name.
    """

    path: str
    publisher_id: int | None = None
    host: str | None = None
    choosing: str = ""
    operates: bool = False
    crawler_id: int | None = None
    counts: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """One entry as it is shown."""

    text: str
    href: str
    is_current: bool
    count: str
    letter: str


@dataclass(frozen=True, slots=True)
class Links:
    """A group as it is shown."""

    title: str
    door: Door
    links: tuple[Link, ...]


class Navigation:
    """The entries whose pages exist. ``paths`` are the addresses of all routes, as the table writes them."""

    def __init__(self, paths: frozenset[str]) -> None:
        kept = [
            Group(group.title, group.door, tuple(one for one in group.entries if paths.intersection(one.paths)))
            for group in GROUPS
        ]
        self._groups = tuple(group for group in kept if group.entries)
        self._paths = paths

    def is_of_a_site(self, key: str) -> bool:
        """Whether this names an entry that is a page of one site, so that a site has to be chosen for it."""
        return any(one.key == key and self._path(one).startswith(_SITE) for one in self._entries())

    def text(self, key: str) -> str:
        """What the entry is called; empty when there is none."""
        return next((one.text for one in self._entries() if one.key == key), "")

    def links(self, here: Here) -> tuple[Links, ...]:
        """The groups for somebody, without those that are not theirs."""
        mine = [group for group in self._groups if _is_mine(group, here)]
        current = max(
            (one for group in mine for one in group.entries), key=lambda one: self._fit(one, here), default=None
        )
        if current is not None and self._fit(current, here) == 0:
            current = None
        return tuple(
            Links(group.title, group.door, tuple(self._link(one, here, one is current) for one in group.entries))
            for group in mine
        )

    def _entries(self) -> list[Entry]:
        return [one for group in self._groups for one in group.entries]

    def _path(self, entry: Entry) -> str:
        return next(path for path in entry.paths if path in self._paths)

    def _link(self, entry: Entry, here: Here, is_current: bool) -> Link:
        path = self._path(entry)
        if path.startswith(_SITE) and here.host is None:
            href = f"{_filled(f'{_PUBLISHER}/sites', here)}?{urlencode({'for': entry.key})}"
        else:
            href = _filled(path, here)
        return Link(entry.text, href, is_current, (here.counts or {}).get(entry.count, ""), entry.letter)

    def _fit(self, entry: Entry, here: Here) -> int:
        """How much of the page's address is this entry's; 0 when it is another's."""
        if here.choosing:
            return int(entry.key == here.choosing)
        if entry.alone:
            return len(here.path) if here.path == _filled(self._path(entry), here) else 0
        beginnings = (_filled(path, here) for path in (self._path(entry), *entry.below))
        return max((len(one) for one in beginnings if here.path == one or here.path.startswith(f"{one}/")), default=0)


def _is_mine(group: Group, here: Here) -> bool:
    if group.door is Door.PORTAL:
        return here.crawler_id is not None
    return here.operates if group.door is Door.OPERATOR else here.publisher_id is not None


def _filled(path: str, here: Here) -> str:
    host = quote(here.host, safe="") if here.host is not None else "{host}"
    path = path.replace("{crawler_id:int}", str(here.crawler_id))
    return path.replace("{publisher_id:int}", str(here.publisher_id)).replace("{host}", host)
