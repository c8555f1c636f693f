"""What no address alone shows, each reached by doing it: shown once, answers to forms, questions, progress, errors.

Rules of this file
- A walk goes through the dashboard as one person, and stops wherever something is to be looked at: whoever drives it
  judges or photographs the page as it is then.
- What takes long is held in the middle by the walk itself (``Served.pace``), never by waiting for the right moment.
- Every template is seen in a browser: here, or by an address of ``tests/support/screens.py``.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from edge.core.month import Month
from edge.core.one_time_codes import code_at
from edge.store.books_tasks import end_task, start_task, tell_progress
from edge.store.crawler_people import TeamRole, join_team
from edge.store.crawler_people import invite as invite_to_portal
from edge.store.invitations import invite
from edge.store.passkeys import add_passkey
from edge.store.people import Role, find_person
from publisher_dashboard.books_work import close_name, verify_name
from publisher_dashboard.serving import FORM_BYTES_MAX
from tests.support.browser_window import OURS, SITE, wait_for_work
from tests.support.hand import Hand, Stop
from tests.support.newsroom import PASSWORD
from tests.support.screens import CRAWLER_TEAM, NOBODY, OWNER

EDITOR, VIEWER = "editor@harbour.example", "viewer@harbour.example"
LOOKER, STRANGER = "looker@bot.example", "stranger@harbour.example"
KITCHEN = "/sites/kitchen.harbour.example"
FORTNIGHT_MINUTES = 14 * 24 * 60
LOG = "".join(
    f'192.0.2.{hour} - - [19/Nov/2026:{hour:02}:00:00 +0000] "GET /articles/{hour} HTTP/1.1" 200 1 "-" "{agent}"\n'
    for hour in range(24)
    for agent in ("GPTBot/1.2", "Mozilla/5.0 Firefox/140.0")
)

Walk = Callable[[Hand], Iterator[Stop]]


def _door(hand: Hand) -> Iterator[Stop]:
    """Before anybody is signed in."""
    link = hand.served.set_up_link()
    hand.submit(f"/set-up/{link}", f"/set-up/{link}", email="no", password="short", repeated="other")
    yield hand.stop("set-up with mistakes", 422)
    hand.go("/sign-in?why=ended-form")
    yield hand.stop("sign-in after the session ended")
    hand.send("/sign-in", email=VIEWER, password="wrong")
    yield hand.stop("sign-in refused", 403)
    for _ in range(10):
        hand.post("/sign-in", email="nobody@harbour.example", password="wrong")
    hand.send("/sign-in", email="nobody@harbour.example", password="wrong")
    yield hand.stop("sign-in tried too often", 429)
    hand.go("/nothing")
    yield hand.stop("not found, signed out", 404)
    with hand.served.database.write() as connection:
        _, token = invite(connection, 1, "ann@harbour.example", Role.EDITOR, author=OWNER, now_micros=hand.now)
        _, known = invite(connection, 2, EDITOR, Role.EDITOR, author=OWNER, now_micros=hand.now)
        portal = invite_to_portal(connection, 1, "ann@bot.example", TeamRole.VIEWER, author=OWNER, now_micros=hand.now)
    hand.go(f"/invitations/{token}")
    yield hand.stop("an invitation")
    hand.send(f"/invitations/{token}", password="short", repeated="other")
    yield hand.stop("an invitation with mistakes", 422)
    hand.go(f"/invitations/{known}")
    yield hand.stop("an invitation of somebody who has an account")
    hand.submit(f"/portal/join/{portal}", f"/portal/join/{portal}", password="short", repeated="other")
    yield hand.stop("an invitation into the portal with mistakes", 422)


def _people(hand: Hand) -> Iterator[Stop]:
    """Team, tokens, webhooks and settings, as an owner."""
    hand.submit(f"{OURS}/tokens", f"{OURS}/tokens", name="", scopes=[])
    yield hand.stop("a token with mistakes", 422)
    hand.send(f"{OURS}/tokens", name="nightly report", scopes=["read", "reports"])
    yield hand.stop("a token, shown once", 201)
    hand.submit(f"{OURS}/tokens/1", f"{OURS}/tokens/1/rotate")
    yield hand.stop("a token that replaces another", 201)
    hand.submit(f"{OURS}/team", f"{OURS}/team", email="no")
    yield hand.stop("an invitation that cannot be", 422)
    hand.send(f"{OURS}/team", email="ann.with.a.long.name@harbour-press-newsroom.example", role="editor")
    yield hand.stop("the link of an invitation, shown once", 201)
    hand.go(f"{OURS}/team/members/1")
    yield hand.stop("the last owner")
    hand.submit(f"{OURS}/webhooks/new", f"{OURS}/webhooks/new", url="http://10.0.0.1/", events=[])
    yield hand.stop("a webhook with mistakes", 422)
    hand.submit(f"{OURS}/webhooks/2", f"{OURS}/webhooks/2/secret")
    yield hand.stop("a webhook's secret, shown once", 201)
    hand.submit(f"{OURS}/settings", f"{OURS}/settings", name="", email="no")
    yield hand.stop("a publisher's settings with mistakes", 422)
    hand.submit(f"{OURS}/settings", f"{OURS}/settings", name="Harbour Press Ltd", seen="before")
    yield hand.stop("a publisher's settings, both versions", 409)
    hand.submit(f"{OURS}/settings", f"{OURS}/settings", name="x" * FORM_BYTES_MAX)
    yield hand.stop("a form that is too large", 413)
    hand.submit(f"{OURS}/settings", f"{OURS}/settings", token="of another session")
    yield hand.stop("a form of another session", 403)
    hand.submit("/account", "/account/password", current="wrong", password="short", repeated="other")
    yield hand.stop("a new password with mistakes", 422)
    hand.go(f"{OURS}/tokens?said=token-revoked")
    yield hand.stop("a page that says what was done")
    hand.page.set_viewport_size({"width": 360, "height": 800})
    hand.page.get_by_role("button", name="Menu").click()
    yield hand.stop("the menu of a narrow window", is_narrow=True)


def _sites(hand: Hand) -> Iterator[Stop]:
    """Rules, review, settings of a site, and the way in, as an owner."""
    hand.go(f"{SITE}/rules")
    hand.page.get_by_label("More for Archive").click()
    yield hand.stop("a rule's menu")
    hand.page.keyboard.press("Escape")
    hand.page.keyboard.type("?")
    yield hand.stop("the list of keys")
    hand.submit(f"{SITE}/rules/new", f"{SITE}/rules/new", address="no slash", price="much", name="")
    yield hand.stop("a rule with mistakes", 422)
    hand.submit(f"{SITE}/rules/edit?rule=Archive", f"{SITE}/rules/edit", edition="before", name="Old papers")
    yield hand.stop("a rule, both versions", 409)
    hand.submit(f"{SITE}/rules/everything-else", f"{SITE}/rules/everything-else", action="charge", price="much")
    yield hand.stop("everything else with mistakes", 422)
    hand.submit(f"{SITE}/presets", f"{SITE}/presets", preset="charge-training", price="much")
    yield hand.stop("a preset with mistakes", 422)
    hand.submit(f"{SITE}/review", f"{SITE}/publish", live="1", note="dearer")
    yield hand.stop("a publication of what was not reviewed", 409)
    hand.submit(f"{SITE}/review", f"{SITE}/publish", note="x" * 1001)
    yield hand.stop("a publication with mistakes", 422)
    hand.submit(f"{SITE}/history", f"{SITE}/roll-back", live="1")
    yield hand.stop("a roll-back that came too late", 409)
    hand.submit(f"{SITE}/settings", f"{SITE}/settings", contact="x" * 321)
    yield hand.stop("a site's settings with mistakes", 422)
    hand.submit(f"{SITE}/settings", f"{SITE}/settings", origin="http://127.0.0.1:9000")
    yield hand.stop("another server, asked once more")
    hand.submit(f"{SITE}/settings", f"{SITE}/settings", contact="crawlers@harbour.example", seen="before")
    yield hand.stop("a site's settings, both versions", 409)
    hand.submit(f"{OURS}/sites/new", f"{OURS}/sites/new", host="no host", origin="ftp://x")
    yield hand.stop("a new site with mistakes", 422)
    hand.submit(f"{OURS}/sites/waiting", f"{OURS}/sites/check")
    yield hand.stop("a domain that is not proved")
    hand.submit(f"{SITE}/connect", f"{SITE}/connect")
    yield hand.stop("what was checked of a connection")
    hand.submit(f"{SITE}/crawlers/one?name=ExampleBot", f"{SITE}/crawlers/one", crawler="charge", crawler_price="much")
    yield hand.stop("a price for a crawler with mistakes", 422)


def _logs(hand: Hand) -> Iterator[Stop]:
    """An access log: refused, being read, read, unreadable."""
    hand.submit(f"{SITE}/estimate", f"{SITE}/estimate")
    yield hand.stop("an estimate without a log", 422)
    hand.served.pace.hold()
    _read_log(hand, LOG)
    yield hand.stop("a log that is being read")
    hand.served.pace.let_go()
    wait_for_work(hand.page)
    yield hand.stop("an estimate that is not kept")
    _read_log(hand, "no log at all\n")
    wait_for_work(hand.page)
    yield hand.stop("a log that could not be read")


def _read_log(hand: Hand, text: str) -> None:
    hand.go(f"{SITE}/estimate")
    hand.page.get_by_label("Access log").set_input_files(
        {"name": "access.log", "mimeType": "text/plain", "buffer": text.encode()}
    )
    hand.send(f"{SITE}/estimate", rules="live")
    hand.go(hand.page.url)


def _long_work(hand: Hand) -> Iterator[Stop]:
    """What is under way, and what did not end well."""
    hand.served.pace.hold()
    hand.go(f"{SITE}/review?days=30&wait=no")
    yield hand.stop("a backtest under way")
    hand.go(f"{SITE}/review?days=30")
    yield hand.stop("a backtest that is waited for")
    hand.served.pace.let_go()
    closed, running = Month(2026, 10), verify_name(Month(2026, 10))
    with hand.served.database.write() as connection:
        number = start_task(connection, running, OWNER, hand.now - 7_000_000)
        assert number is not None
        tell_progress(connection, running, number, 1_200, 4_000, hand.now)
    for place in ("/operator/months", f"{OURS}/months"):
        hand.go(f"{place}/{closed.label}")
        yield hand.stop(f"a check under way, {place}")
    with hand.served.database.write() as connection:
        said = "entry 7 of writer 1 is not what was signed\n" * 3
        end_task(connection, running, number, well=False, said=said, now_micros=hand.now)
    for place in ("/operator/months", f"{OURS}/months"):
        hand.go(f"{place}/{closed.label}")
        yield hand.stop(f"a check that failed, {place}", is_paper=True)
    for place in (OURS, f"{OURS}/charges"):
        hand.go(place)
        yield replace(hand.variant(f"paper of {place}"), is_paper=True)


def _money(hand: Hand) -> Iterator[Stop]:
    """Acts on money: with mistakes, asked twice, done; as an owner who operates."""
    sold = hand.served.newsroom.charge_ids[-2]
    refund = f"{OURS}/charges/{sold}/refund"
    hand.submit(refund, refund, how="part", amount="much", reason="")
    yield hand.stop("a refund with mistakes", 422)
    hand.send(refund, how="part", amount="0.0004", reason="the page was a stub")
    yield hand.stop("a refund, asked once more")
    hand.send(refund)
    yield hand.stop("a charge of which a part was given back")
    one = "/operator/crawlers/4"
    hand.submit(f"{one}/credit", f"{one}/credit", amount="12,50", reference="")
    yield hand.stop("a credit with mistakes", 422)
    hand.send(f"{one}/credit", amount="12.50", reference="invoice 2026-11")
    yield hand.stop("a credit, asked once more")
    hand.send(f"{one}/credit")
    yield hand.stop("an account that was credited")
    hand.submit(f"{one}/token", f"{one}/token", note="the night crawl")
    yield hand.stop("a crawler's token, shown once")
    hand.submit(f"{one}/invite", f"{one}/invite", email="ann@deep-archive.example")
    yield hand.stop("a link into the portal, shown once")
    hand.submit("/operator/payments/1/assign", "/operator/payments/1/assign", crawler="ExampleBot")
    yield hand.stop("a payment, asked once more")
    hand.submit("/operator/registrations/1", "/operator/registrations/1/approve", name="")
    yield hand.stop("a registration with mistakes", 422)
    hand.submit("/operator/publishers/1/share", "/operator/publishers/1/share", share="200", reason="")
    yield hand.stop("a share with mistakes", 422)


def _portal(hand: Hand) -> Iterator[Stop]:
    """A crawler's team."""
    hand.submit("/portal/register", "/portal/register", agent="")
    yield hand.stop("no agent to look at", 422)
    hand.send("/portal/register", agent="https://bot.example")
    yield hand.stop("an agent's keys")
    hand.pass_minutes(1)
    hand.submit("/portal/register", "/portal/register", agent="https://broken.example")
    yield hand.stop("an agent whose keys cannot be read")
    hand.submit("/portal/1/budget", "/portal/1/budget", amount="much", per="site")
    yield hand.stop("a budget with mistakes", 422)
    hand.submit("/portal/1/token", "/portal/1/token")
    yield hand.stop("a token of the portal, shown once")
    hand.submit("/portal/1/invite", "/portal/1/invite", email="no")
    yield hand.stop("an invitation of the portal with mistakes", 422)
    hand.send("/portal/1/invite", email="ann@bot.example")
    yield hand.stop("a link of the portal, shown once")
    hand.go("/portal/1/prices?path=ftp://x")
    yield hand.stop("a search for no address", 422)
    hand.go("/portal/1/months/2026-10")
    yield hand.stop("paper of a crawler's statement", is_paper=True)


def _lookers(hand: Hand) -> Iterator[Stop]:
    """Somebody who may only look: what stands where others have a form."""
    for path in ("team", "tokens/1", "webhooks/2", "settings"):
        hand.go(f"{OURS}/{path}")
        yield hand.variant(f"a viewer's {path}")
    for path in ("rules", "review", "estimate", "settings"):
        hand.go(f"{SITE}/{path}")
        yield hand.variant(f"a viewer's site: {path}")
    hand.go(f"{SITE}/rules/new")
    yield hand.stop("not one's role", 403)
    with hand.served.database.write() as connection:
        _, mine = invite(connection, 2, VIEWER, Role.VIEWER, author=OWNER, now_micros=hand.now)
        _, other = invite(connection, 2, "ann@harbour.example", Role.VIEWER, author=OWNER, now_micros=hand.now)
    hand.go(f"/invitations/{mine}")
    yield hand.stop("an invitation of whoever is signed in")
    hand.go(f"/invitations/{other}")
    yield hand.stop("an invitation of somebody else")


def _portal_lookers(hand: Hand) -> Iterator[Stop]:
    """Somebody who may only look into a crawler's portal."""
    for path in ("budgets", "tokens", "team"):
        hand.go(f"/portal/1/{path}")
        yield hand.variant(f"a portal viewer's {path}")
    hand.go("/portal/1/budget")
    yield hand.stop("not one's role in the portal", 403)


def _strangers(hand: Hand) -> Iterator[Stop]:
    """Somebody who belongs to nothing."""
    hand.go("/")
    yield hand.stop("nothing is yours")


def _second_step(hand: Hand) -> Iterator[Stop]:
    """Codes and passkeys, at a name, as browsers want it for passkeys."""
    here = "/account/security"
    hand.submit(here, f"{here}/app", current="wrong")
    yield hand.stop("a wrong password for the second step", 422)
    hand.submit(here, f"{here}/app", current=PASSWORD)
    yield hand.stop("an authenticator app's picture")
    secret = base64.b32decode(hand.page.locator("figcaption code").inner_text().replace(" ", ""))
    hand.send(f"{here}/app/confirm", code="1")
    yield hand.stop("a wrong first code", 422)
    hand.send(f"{here}/app/confirm", code=code_at(secret, hand.served.clock()))
    yield hand.stop("recovery codes, shown once", 201, is_paper=True)
    with hand.served.database.write() as connection:
        who = find_person(connection, EDITOR)
        assert who is not None
        add_passkey(connection, who, "my phone", b"credential", b"key", 1, hand.now)
    hand.go(here)
    yield hand.stop("a second step that is on")
    hand.send(f"{here}/passkeys/new", current=PASSWORD)
    yield hand.stop("a passkey is asked for")
    hand.page.context.clear_cookies()
    hand.submit("/sign-in", "/sign-in", email=EDITOR, password=PASSWORD)
    yield hand.stop("a code is asked for")
    hand.send("/sign-in/code", code="000000")
    yield hand.stop("a wrong code", 403)
    hand.submit("/sign-in", "/sign-in/passkey")
    yield hand.stop("a passkey to sign in with")


def _december(hand: Hand) -> Iterator[Stop]:
    """A month that is over: asked once more, under way, broken off; and a page that breaks. Nothing comes after it."""
    place, name = "/operator/months/2026-11", close_name(Month(2026, 11))
    hand.go(place)
    yield hand.stop("a month that can be closed")
    hand.send(f"{place}/close")
    yield hand.stop("a close, asked once more")
    with hand.served.database.write() as connection:
        number = start_task(connection, name, OWNER, hand.now)
        assert number is not None
        tell_progress(connection, name, number, 1_200, 4_000, hand.now)
    hand.go(place)
    yield hand.stop("a close under way")
    with hand.served.database.write() as connection:
        end_task(connection, name, number, well=False, said="", now_micros=hand.now)
    hand.go(place)
    yield hand.stop("a close that broke off")
    hand.go(OURS)
    yield hand.stop("an overview with a month to close")
    with hand.served.database.write() as connection:
        connection.exec_driver_sql("UPDATE rule_set SET document = '{' WHERE site_id = 2")
    hand.go(f"{KITCHEN}/rules")
    yield hand.stop("a page that broke", 500)


@dataclass(frozen=True, slots=True)
class Person:
    """Who walks, and by which name of this machine; ``before`` makes what the walk needs."""

    email: str
    walk: Walk
    host: str = "127.0.0.1"
    before: Callable[[Hand], None] = lambda hand: None


def _make_looker(hand: Hand) -> None:
    person = hand.person(LOOKER)
    with hand.served.database.write() as connection:
        join_team(connection, person, 1, TeamRole.VIEWER)


def _make_stranger(hand: Hand) -> None:
    hand.person(STRANGER)


def _pass_a_fortnight(hand: Hand) -> None:
    hand.pass_minutes(FORTNIGHT_MINUTES)


WALKS: tuple[Person, ...] = (
    Person(NOBODY, _door),
    Person(OWNER, _people),
    Person(OWNER, _sites),
    Person(OWNER, _logs),
    Person(OWNER, _money),
    Person(OWNER, _long_work),
    Person(CRAWLER_TEAM, _portal),
    Person(VIEWER, _lookers),
    Person(LOOKER, _portal_lookers, before=_make_looker),
    Person(STRANGER, _strangers, before=_make_stranger),
    Person(EDITOR, _second_step, host="localhost"),
    Person(OWNER, _december, before=_pass_a_fortnight),
)
