"""What a page gets: one person's request, already let in, with everything it may work with.

Rules of this file
- A page never reads who is asking, or for which publisher, from a form or a query: ``publisher_dashboard.auth`` puts
  person, membership and site here after it has looked them up.
- A page returns an answer; it does not know about cookies, headers or templates' surroundings.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from edge.core.identity import ClaimedCrawler
from edge.core.statement import Party
from edge.store.crawler_people import CrawlerMembership, TeamRole
from edge.store.database import Database
from edge.store.passwords import Passwords
from edge.store.people import Membership, Role
from edge.store.problems import InvalidValue
from edge.store.publisher_tokens import Scope
from edge.store.registrations import count_waiting
from edge.store.rulesets import find_draft
from edge.store.service_keys import ServiceKeys, load_service_keys
from edge.store.sessions import Session
from edge.store.site_values import read_host
from edge.store.sites import Site, list_sites
from publisher_dashboard.backtest_jobs import BacktestJobs
from publisher_dashboard.books_work import Books, Later, in_a_thread
from publisher_dashboard.browser_safety import Address
from publisher_dashboard.estimates import Estimates
from publisher_dashboard.key_checks import KeyChecks
from publisher_dashboard.navigation import Here, Links, Navigation
from publisher_dashboard.own_documents import OwnDocuments, unreachable
from publisher_dashboard.rendering import Rendering
from publisher_dashboard.sample import is_sample
from publisher_dashboard.site_checks import SiteChecks
from publisher_dashboard.tails import Tails
from publisher_dashboard.taste import read_taste
from publisher_dashboard.uploads import UploadForm


class Need(StrEnum):
    """What a route asks of whoever comes."""

    ANYONE = "anyone"
    SIGNED_IN = "signed in"
    SEE = "see"
    EDIT = "edit"
    EXPORT = "export"
    MANAGE = "manage"
    REFUND = "refund"
    OPERATE = "operate"
    TEAM_SEE = "see a crawler"
    TEAM_CHANGE = "change a crawler"


GRANTS: Mapping[Role, frozenset[Need]] = {
    Role.OWNER: frozenset({Need.SEE, Need.EDIT, Need.EXPORT, Need.MANAGE, Need.REFUND}),
    Role.EDITOR: frozenset({Need.SEE, Need.EDIT, Need.EXPORT}),
    Role.BILLING: frozenset({Need.SEE, Need.EXPORT, Need.REFUND}),
    Role.VIEWER: frozenset({Need.SEE}),
}
"""What each role may do for its publisher: change prices, take numbers out, give back, say who may do what, look."""

TEAM_GRANTS: Mapping[TeamRole, frozenset[Need]] = {
    TeamRole.OWNER: frozenset({Need.TEAM_SEE, Need.TEAM_CHANGE}),
    TeamRole.VIEWER: frozenset({Need.TEAM_SEE}),
}
"""What each role may do for its crawler, in the portal."""

SCOPE_GRANTS: Mapping[Scope, frozenset[Need]] = {
    Scope.READ: frozenset({Need.SEE}),
    Scope.PRICES: frozenset({Need.SEE, Need.EDIT}),
    Scope.REPORTS: frozenset({Need.SEE, Need.EXPORT}),
    Scope.TEAM: frozenset({Need.SEE, Need.MANAGE}),
    Scope.REFUNDS: frozenset({Need.SEE, Need.REFUND}),
}
"""What each scope of a publisher's API token covers, in the same words; a token covers what any of its scopes does."""

NOTICES: Mapping[str, str] = {
    "added": "The rule was added to the draft. The rules above it decide first; move it up where it should win.",
    "changed": "The rule was changed in the draft.",
    "moved": "The rule was moved in the draft.",
    "switched": "The rule was switched in the draft.",
    "deleted": "The rule was taken out of the draft.",
    "chosen": "The draft says so now, above your other rules, for every page. Nothing is live until you publish.",
    "preset": "The preset is in the draft. Nothing is live until you publish.",
    "discarded": "The draft was discarded; the live rules are as they were.",
    "same": "Nothing was different, so nothing was changed.",
    "planned": "Planned. It goes live by itself at that time, unless somebody changes the draft before.",
    "plan-given-up": "The publication is not planned any more. The draft is as it was.",
    "published": "Published. The edge follows within a second.",
    "rolled-back": "Rolled back. The edge follows within a second.",
    "welcome": "Welcome. Your account is ready.",
    "password": "Your password was changed, and every other session was ended.",
    "registered": "Registered; every edge knows it within a second. It can pay once its account is topped up.",
    "rejected": "It was rejected. Its team may read why; you can still approve it.",
    "sent-again": "It goes again, as soon as an edge runs.",
    "nothing-to-send": "There was nothing to send again.",
    "joined": "Welcome. You belong to this publisher now.",
    "left": "You left the team.",
    "removed": "The person was taken out of the team.",
    "role-changed": "The role was changed; it counts from the person's next click.",
    "invitation-revoked": "The invitation was revoked; its link opens nothing any more.",
    "token-revoked": "The token was revoked; it opens nothing any more.",
    "closing": "The close has begun. You may leave this page and come back.",
    "closing-already": "Somebody is closing it already.",
    "joined-team": "You are in. This is the crawler's portal.",
    "share": "The share is set, for every month that is not closed yet.",
    "payment-closed": "Closed. It is never credited by itself.",
    "keys-fetched": "The directory was asked; this is its answer.",
    "keys-wait": "It was asked less than a minute ago. Wait a moment.",
    "given-back": "Given back. The crawler can spend it again.",
    "given-back-before": "It was given back before, so nothing was done.",
    "credited": "Credited. It can be spent at once.",
    "credited-before": "This reference was credited before, so nothing was done.",
    "terms": "The account's terms were changed.",
    "suspended": "Suspended. It cannot pay from the next request on.",
    "resumed": "It can pay again.",
    "budget": "The budget is set.",
    "budget-removed": "The budget was removed.",
    "subscribed": "The subscription has begun.",
    "subscription-ended": "The subscription has ended.",
    "member-removed": "They see it no more.",
    "done-before": "This form was sent before, so nothing was done again.",
    "signal-on": "Switched on. The edge follows within a second.",
    "signal-off": "Switched off. The edge follows within a second, and your server answers again.",
    "zone": "Kept. Times in lists stay UTC; the menu says what time it is where you are.",
    "keys": "Kept for this browser.",
    "site-added": "The site is served. Nothing is enforced before you publish prices.",
    "site-read": "{host} is served: that is what was understood of the address. Nothing is enforced before you publish "
    "prices.",
    "site-waits-read": "{host} waits: that is what was understood of the address. Prove the domain, and whoever runs "
    "this edge decides.",
    "site-waits": "It waits. Prove the domain, and whoever runs this edge decides.",
    "site-withdrawn": "The site was taken back.",
    "site-served": "It is served from now on.",
    "site-refused": "It was refused.",
    "domain-proved": "The proof is there: the domain is yours.",
    "domain-not-proved": "The proof is not there yet. DNS can take an hour to show a new record everywhere.",
    "steps-aside": "The list of first steps was put aside.",
    "sample-made": "A sample site with a week of made-up traffic. Look around; remove it with one click.",
    "sample-gone": "The sample was removed, with everything that was made up for it.",
    "estimate-kept": "The result is kept: its sums alone, until somebody deletes it.",
    "estimate-deleted": "The result was deleted.",
    "second-step-off": "The second step is off. The password alone opens your account now.",
    "passkey-added": "The passkey is added. You can sign in with it.",
    "passkey-removed": "The passkey was removed; it opens nothing here any more.",
    "webhook-saved": "The webhook was changed.",
    "webhook-removed": "The webhook was removed; nothing is sent to it any more.",
    "webhook-enabled": "It is tried again from now on; what was given up waits to be sent again.",
    "webhook-tried": "A test event goes to it as soon as an edge runs. See its deliveries.",
    "settings-saved": "Saved. Every edge follows within a second.",
    "site-paused": "Paused: the edge answers nobody on that host until it is resumed.",
    "site-resumed": "The site is served again, as it was.",
    "session-ended": "The session was ended.",
    "sessions-ended": "Every other session was ended.",
}
"""What a page may be told to say after a redirect, by the word in its address; of a host that stands there too."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What all pages of one dashboard share. ``clock`` gives seconds since the epoch.

    ``address_key`` gives the key of a day (by microseconds) under which tries of passwords are counted; ``contact`` is
    the operator's address as statements name it; ``books`` are the keys and files that closing a month takes, ``later``
    runs long work beside the pages; ``estimate_log_bytes`` is the largest access log that is taken,
    ``checks`` asks the world about a site.
    """

    database: Database
    clock: Callable[[], float]
    classify: Callable[[str], ClaimedCrawler | None]
    address: Address
    passwords: Passwords
    operator: str
    rendering: Rendering
    address_key: Callable[[int], bytes]
    navigation: Navigation
    estimates: Estimates
    estimate_log_bytes: int
    backtests: BacktestJobs
    contact: str = ""
    tails: Tails = field(default_factory=Tails)
    books: Books | None = None
    later: Later = in_a_thread
    key_checks: KeyChecks | None = None
    edge_bind: tuple[str, int] | None = None
    crawlers: tuple[ClaimedCrawler, ...] = ()
    own_documents: OwnDocuments = field(default_factory=lambda: OwnDocuments(unreachable, time.monotonic))
    checks: SiteChecks | None = None

    def service_keys(self) -> ServiceKeys | None:
        """The edge's own keys, which make secrets that no database holds; None where there is no data folder."""
        return None if self.books is None else load_service_keys(self.books.data_dir)

    @property
    def operator_party(self) -> Party:
        """The operator, as statements name it."""
        return Party(self.operator, None, (self.contact,) if self.contact else ())


@dataclass(frozen=True, slots=True)
class Visit:
    """One request that was let in. ``form`` holds the first value of each field, ``lists`` all of them.

    ``sent`` is what came with a file, on routes that take one.
    """

    desk: Desk
    request: Request
    now_micros: int
    session: Session | None = None
    memberships: tuple[Membership, ...] = ()
    membership: Membership | None = None
    site: Site | None = None
    operates: bool = False
    form: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, list[str]] = field(default_factory=dict)
    sent: UploadForm | None = None
    teams: tuple[CrawlerMembership, ...] = ()
    team: CrawlerMembership | None = None

    @property
    def payer(self) -> CrawlerMembership:
        """The crawler of this address; only on routes of the portal."""
        assert self.team is not None, "the route is not below a crawler of the portal"
        return self.team

    @property
    def person(self) -> Session:
        """The session of whoever is signed in; only on routes that ask for it."""
        assert self.session is not None, "the route does not ask for a person"
        return self.session

    @property
    def publisher(self) -> Membership:
        """The publisher of this address; only on routes below one."""
        assert self.membership is not None, "the route is not below a publisher"
        return self.membership

    @property
    def place(self) -> Site:
        """The site of this address; only on routes below one."""
        assert self.site is not None, "the route is not below a site"
        return self.site

    @property
    def now(self) -> float:
        """The time of this visit in seconds since the epoch."""
        return self.now_micros / 1_000_000

    def query(self, name: str) -> str:
        """A parameter of the address, stripped; empty when it is not there."""
        return str(self.request.query_params.get(name, "")).strip()

    def may(self, need: Need) -> bool:
        """Whether the role for this publisher, or in the portal for this crawler, covers ``need``."""
        if self.team is not None:
            return need in TEAM_GRANTS[self.team.role]
        return self.membership is not None and need in GRANTS[self.membership.role]

    def links(self) -> tuple[Links, ...]:
        """Every entry of the side column that this person has, whichever page this is."""
        publisher = self.memberships[0].publisher_id if self.memberships else None
        crawler = self.teams[0].crawler_id if self.teams else None
        here = Here("", publisher_id=publisher, operates=self.operates, crawler_id=crawler)
        return self.desk.navigation.links(here)

    def render(self, template: str, status: int = HTTPStatus.OK, **context: Any) -> Response:
        """The page, inside its frame."""
        frame = self._frame() if self.session is not None else {"session": None}
        taste = read_taste(self.request.cookies)
        values = {"operator": self.desk.operator, "now_micros": self.now_micros, "taste": taste, **frame, **context}
        return HTMLResponse(self.desk.rendering.page(template, values), status)

    def go(self, path: str, said: str | None = None, host: str | None = None) -> Response:
        """Send the browser to another page of ours after a form, which may then say one of ``NOTICES`` (of a host)."""
        assert said is None or said in NOTICES
        words = {"said": said} | ({"host": host} if host else {})
        where = f"{path}{'&' if '?' in path else '?'}{urlencode(words)}" if said else path
        return RedirectResponse(where, HTTPStatus.SEE_OTHER)

    def site_path(self, *parts: str) -> str:
        """An address below this site."""
        return "/".join(("/sites", quote(self.place.host, safe=""), *parts))

    def publisher_path(self, *parts: str) -> str:
        """An address below this publisher."""
        return "/".join(("/publishers", str(self.publisher.publisher_id), *parts))

    def portal_path(self, *parts: str) -> str:
        """An address below this crawler in the portal."""
        return "/".join(("/portal", str(self.payer.crawler_id), *parts))

    def _choosing(self) -> str:
        """For which page a site is being chosen, on the page that lists them; empty anywhere else."""
        wanted = self.query("for") if self.request.url.path.endswith("/sites") else ""
        return wanted if self.desk.navigation.is_of_a_site(wanted) else ""

    def _sample(self, own: list[Site]) -> Site | None:
        """The sample whose made-up numbers this page may hold: its own pages, and those of the whole publisher."""
        found = next((one for one in own if is_sample(one)), None)
        below = self.request.url.path.startswith("/publishers/") if self.site is None else self.site == found
        return found if below else None

    def _notice(self) -> str | None:
        """What this page was told to say. Anybody can write an address: of a host it speaks only if that is one."""
        text = NOTICES.get(self.query("said"))
        if text is None or "{host}" not in text:
            return text
        try:
            return text.format(host=read_host(self.query("host")))
        except InvalidValue:
            return None

    def _frame(self) -> dict[str, Any]:
        """What surrounds every page: who, where, and where else one may go."""
        # In the portal one is on the other side: a publisher's entries would lead away from it.
        membership = self.membership or (self.memberships[0] if self.memberships and self.team is None else None)
        team = self.team or (self.teams[0] if self.teams and membership is None else None)
        with self.desk.database.read() as connection:
            sites = {one.publisher_id: list_sites(connection, one.publisher_id) for one in self.memberships}
            own = sites[membership.publisher_id] if membership else []
            current = self.site or (own[0] if len(own) == 1 else None)
            draft = find_draft(connection, current.site_id) if current else None
            waiting = count_waiting(connection) if self.operates else 0
        here = Here(
            path=self.request.url.path,
            publisher_id=membership.publisher_id if membership else None,
            host=current.host if current else None,
            choosing=self._choosing(),
            operates=self.operates,
            crawler_id=team.crawler_id if team else None,
            counts={"draft": "draft" if draft else "", "registrations": f"{waiting:,}" if waiting else ""},
        )
        return {
            "session": self.session,
            "memberships": self.memberships,
            "teams": self.teams,
            "team": team,
            "membership": membership,
            "sites_of": sites,
            "current": current,
            "own_sites": own,
            "sample": self._sample(own),
            "of_a_site": self.site is not None,
            "navigation": self.desk.navigation.links(here),
            "choosing": here.choosing,
            "chosen_for": self.desk.navigation.text(here.choosing),
            "may_edit": self.may(Need.EDIT),
            "may_export": self.may(Need.EXPORT),
            "notice": self._notice(),
            "csrf": self.session.csrf_token if self.session else "",
        }
