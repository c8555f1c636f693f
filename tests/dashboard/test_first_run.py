"""The way in: sites are added or wait, a sample is looked at and taken away, first steps tell what is next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from edge.core.catalogue import Catalogue
from edge.store import schema
from edge.store.activity import Activity, UserAgents, write_activity
from edge.store.database import Database
from edge.store.people import Role, add_person, create_setup_link, grant
from edge.store.sample_site import sample_host
from edge.store.site_claims import list_claims
from edge.store.sites import find_site, list_sites
from edge.store.tables import activity, entry, traffic, traffic_day, traffic_minute
from edge.store.traffic import TrafficKey, flush_traffic
from publisher_dashboard.app import create_app
from publisher_dashboard.site_checks import Answer
from tests.dashboard.conftest import ORIGIN, Browser, Clock, House, hidden_in, token_in
from tests.support.newsroom import PASSWORD, quick_passwords

OURS = "/publishers/1"
SITE = {"host": "www.harbour.example", "origin": "http://127.0.0.1:8000", "currency": "EUR"}


@dataclass
class World:
    """What the world says of sites."""

    texts: dict[str, Sequence[str]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    known: Sequence[str] = ("203.0.113.80",)

    def addresses(self, host: str) -> Sequence[str]:
        return self.known

    def records(self, name: str) -> Sequence[str]:
        return self.texts.get(name, ())

    def page(self, url: str) -> str | None:
        return self.files.get(url)

    def origin(self, origin: str, host: str) -> Answer:
        return Answer(False, f"{origin} does not answer for {host}")

    def front(self, host: str) -> Answer:
        return Answer(True, f"{host} leads here")


class Fresh:
    """A dashboard over an empty database, and its first person."""

    def __init__(self, path: Path, catalogue: Catalogue) -> None:
        self.database, self.clock, self.world = Database.open(f"sqlite:///{path}"), Clock(), World()
        schema.upgrade(self.database)
        self._passwords = quick_passwords()
        self.app = create_app(
            self.database, catalogue.classify, clock=self.clock, passwords=self._passwords, checks=self.world
        )
        with self.database.write() as connection:
            link = create_setup_link(connection, self.now)
        self.owner = self.browser()
        form = {"publisher": "Harbour Press", "email": "me@harbour.example", "password": PASSWORD}
        self.owner.post(f"/set-up/{link}", {**form, "repeated": PASSWORD})
        self.owner.csrf = token_in(self.owner.get("/account").text)

    @property
    def now(self) -> int:
        return int(self.clock() * 1_000_000)

    def browser(self) -> Browser:
        return Browser(TestClient(self.app, base_url=ORIGIN))

    def another(self, email: str, role: Role) -> Browser:
        """Somebody who does not run the edge."""
        with self.database.write() as connection:
            person = add_person(connection, email, quick_passwords().hash(PASSWORD), self.now)
            grant(connection, person.person_id, 1, role)
        browser = self.browser()
        assert browser.sign_in(email).status_code == 303
        return browser

    def hosts(self) -> list[str]:
        with self.database.read() as connection:
            return [one.host for one in list_sites(connection)]

    def close(self) -> None:
        self._passwords.close()
        self.database.close()


@pytest.fixture
def fresh(tmp_path: Path, catalogue: Catalogue) -> Iterator[Fresh]:
    made = Fresh(tmp_path / "fresh.db", catalogue)
    yield made
    made.close()


def test_the_first_steps_lead_from_the_site_to_the_first_request(fresh: Fresh) -> None:
    assert "0 of 5 done" in fresh.owner.get(OURS).text
    assert fresh.owner.post(f"{OURS}/sites/new", SITE).headers["location"] == f"{OURS}?said=site-added"
    assert "1 of 5 done" in fresh.owner.get(OURS).text
    here = "/sites/www.harbour.example"
    edition = fresh.owner.edition("www.harbour.example")
    fresh.owner.post(f"{here}/presets", {"edition": edition, "preset": "watch", "price": "0.005", "unit": "page"})
    assert "2 of 5 done" in fresh.owner.get(OURS).text
    edition = fresh.owner.edition("www.harbour.example")
    fresh.owner.post(f"{here}/publish", {"edition": edition, "live": "0", "note": ""})
    assert "3 of 5 done" in fresh.owner.get(OURS).text
    assert "Waiting for the first request" in fresh.owner.get(f"{here}/connect").text
    with fresh.database.write() as connection:
        site_id = find_site(connection, "www.harbour.example").site_id
        flush_traffic(connection, {TrafficKey(fresh.now, site_id, "", "", "", "visitor"): 1})
    assert "Requests arrive" in fresh.owner.get(f"{here}/connect").text
    assert "First steps" not in fresh.owner.get(OURS).text


def test_nothing_is_published_by_adding_a_site(fresh: Fresh) -> None:
    fresh.owner.post(f"{OURS}/sites/new", SITE)
    with fresh.database.read() as connection:
        found = find_site(connection, "www.harbour.example")
    assert (found.live_version, found.currency, found.origin) == (None, "EUR", "http://127.0.0.1:8000")


def test_the_list_of_first_steps_can_be_put_aside(fresh: Fresh) -> None:
    fresh.owner.post(f"{OURS}/first-steps")
    fresh.owner.post(f"{OURS}/first-steps")
    assert "of 5 done" not in fresh.owner.get(OURS).text


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"host": "https://www.harbour.example/blog/"}, "host"),
        ({"host": ""}, "host"),
        ({"origin": "127.0.0.1"}, "origin"),
        ({"origin": ""}, "origin"),
        ({"origin": "http://www.harbour.example"}, "origin"),
        ({"currency": "shells"}, "currency"),
    ],
)
def test_a_mistake_is_said_at_its_field(fresh: Fresh, changed: dict[str, str], field: str) -> None:
    if changed.get("origin") == "http://www.harbour.example":
        fresh.owner.post(f"{OURS}/sites/new", SITE)
        changed = {**changed, "host": "other.example"}
    answer = fresh.owner.post(f"{OURS}/sites/new", {**SITE, **changed})
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text


def test_of_a_pasted_address_the_host_is_taken_and_said(fresh: Fresh) -> None:
    answer = fresh.owner.post(f"{OURS}/sites/new", {**SITE, "host": " https://WWW.Harbour.example:443/ "})
    assert fresh.hosts() == ["www.harbour.example"]
    page = fresh.owner.get(answer.headers["location"]).text
    assert "www.harbour.example is served: that is what was understood" in page
    other = fresh.another("owner@else.example", Role.OWNER)
    answer = other.post(f"{OURS}/sites/new", {**SITE, "host": "shop.harbour.example/"})
    assert "shop.harbour.example waits: that is" in other.get(answer.headers["location"]).text
    assert "click" not in other.get(f"{OURS}?said=site-read&host=click+here").text


def test_a_site_of_somebody_who_does_not_run_the_edge_waits(fresh: Fresh) -> None:
    other = fresh.another("owner@else.example", Role.OWNER)
    inside = {**SITE, "origin": "http://169.254.169.254"}
    assert other.post(f"{OURS}/sites/new", inside).headers["location"] == f"{OURS}/sites/waiting?said=site-waits"
    assert fresh.hosts() == []
    page = other.get(f"{OURS}/sites/waiting").text
    assert "_farebox.www.harbour.example" in page
    assert "domain not proved yet" in page
    assert other.get("/operator/sites").status_code == 404
    assert other.post("/operator/sites/serve", {"host": SITE["host"], "publisher": "1"}).status_code == 404
    assert fresh.hosts() == []


@pytest.mark.parametrize("how", ["dns", "file"])
def test_a_domain_is_proved_by_what_stands_in_its_dns_or_on_it(fresh: Fresh, how: str) -> None:
    other = fresh.another("owner@else.example", Role.OWNER)
    other.post(f"{OURS}/sites/new", SITE)
    with fresh.database.read() as connection:
        [claim] = list_claims(connection)
    form = {"host": SITE["host"]}
    fresh.world.texts[claim.record_name] = ["v=spf1 -all", f"{claim.record_text}x"]
    fresh.world.files[claim.file_url] = f"not {claim.proof}"
    assert other.post(f"{OURS}/sites/check", form).headers["location"].endswith("domain-not-proved")
    if how == "dns":
        fresh.world.texts[claim.record_name] = ["v=spf1 -all", claim.record_text]
    else:
        fresh.world.files[claim.file_url] = f"{claim.proof}\n"
    assert other.post(f"{OURS}/sites/check", form).headers["location"].endswith("domain-proved")
    assert fresh.hosts() == []
    assert "domain proved by" in fresh.owner.get("/operator/sites").text
    assert fresh.owner.post("/operator/sites/serve", {**SITE, "publisher": "1"}).status_code == 303
    assert fresh.hosts() == ["www.harbour.example"]
    assert fresh.owner.post("/operator/sites/serve", {**SITE, "publisher": "1"}).status_code == 404


@pytest.mark.parametrize("changed", [{"origin": "http://169.254.169.254"}, {"currency": "USD"}], ids=str)
def test_what_is_served_is_what_the_operator_looked_at(fresh: Fresh, changed: dict[str, str]) -> None:
    other = fresh.another("owner@else.example", Role.OWNER)
    other.post(f"{OURS}/sites/new", SITE)
    page = fresh.owner.get("/operator/sites").text
    seen = {name: hidden_in(page, name) for name in ("host", "publisher", "origin", "currency")}
    other.post(f"{OURS}/sites/new", {**SITE, **changed})
    answer = fresh.owner.post("/operator/sites/serve", seen)
    assert answer.status_code == 409
    assert next(iter(changed.values())) in answer.text
    assert fresh.hosts() == []
    assert fresh.owner.post("/operator/sites/serve", {**seen, **changed}).status_code == 303
    assert fresh.hosts() == ["www.harbour.example"]


def test_a_claim_holds_no_host_for_anybody(fresh: Fresh) -> None:
    other = fresh.another("owner@else.example", Role.OWNER)
    other.post(f"{OURS}/sites/new", SITE)
    assert fresh.owner.post(f"{OURS}/sites/new", SITE).status_code == 303
    assert fresh.hosts() == ["www.harbour.example"]
    answer = fresh.owner.post("/operator/sites/serve", {**SITE, "publisher": "1"})
    assert answer.status_code == 409
    assert "served already" in answer.text
    assert other.post(f"{OURS}/sites/new", SITE).status_code == 422


def test_a_claim_is_taken_back_or_refused(fresh: Fresh) -> None:
    other, form = fresh.another("owner@else.example", Role.OWNER), {"host": SITE["host"], "publisher": "1"}
    other.post(f"{OURS}/sites/new", SITE)
    other.post(f"{OURS}/sites/new", {**SITE, "origin": "http://10.0.0.9"})
    assert "http://10.0.0.9" in fresh.owner.get("/operator/sites").text
    assert other.post(f"{OURS}/sites/withdraw", form).status_code == 303
    assert other.post(f"{OURS}/sites/withdraw", form).status_code == 404
    other.post(f"{OURS}/sites/new", SITE)
    assert fresh.owner.post("/operator/sites/refuse", form).status_code == 303
    assert "Nothing waits" in fresh.owner.get("/operator/sites").text


def test_only_owners_add_sites(fresh: Fresh) -> None:
    for role in (Role.EDITOR, Role.BILLING, Role.VIEWER):
        other = fresh.another(f"{role.value}@else.example", role)
        assert other.get(f"{OURS}/sites/new").status_code == 403
        assert other.post(f"{OURS}/sites/new", SITE).status_code == 403


def test_a_sample_is_a_site_of_its_own_and_leaves_nothing(quick_house: House) -> None:
    browser, host = quick_house.signed_in("editor@harbour.example"), sample_host(1)
    before = counts(quick_house.database)
    answer = browser.post(f"{OURS}/sample")
    assert answer.headers["location"] == f"/sites/{host}/rules?said=sample-made"
    browser.post(f"{OURS}/sample")
    made = counts(quick_house.database)
    assert made["entry"] == before["entry"]
    assert all(made[name] > before[name] for name in before if name != "entry")
    for page in (f"/sites/{host}/rules", f"/sites/{host}/activity", OURS):
        assert "Sample data" in browser.get(page).text
    assert "Sample data" not in browser.get("/sites/harbour.example/rules").text
    assert browser.post(f"{OURS}/sample/remove").status_code == 303
    assert counts(quick_house.database) == before
    assert browser.get(f"/sites/{host}/rules").status_code == 404
    assert host not in browser.get(f"{OURS}/sites").text
    assert browser.post(f"{OURS}/sample").status_code == 303
    assert counts(quick_house.database) == made


def counts(database: Database) -> dict[str, int]:
    with database.read() as connection:
        tables = (traffic_minute, traffic, traffic_day, activity, entry)
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables
        }


def test_the_front_is_written_with_the_sites_own_names(fresh: Fresh) -> None:
    fresh.owner.post(f"{OURS}/sites/new", SITE)
    for front in ("nginx", "caddy", "direct"):
        assert "www.harbour.example" in fresh.owner.get(f"/sites/www.harbour.example/connect?front={front}").text
    assert "proxy_pass http://127.0.0.1:8402;" in fresh.owner.get("/sites/www.harbour.example/connect").text


def test_what_is_wrong_is_asked_for_and_said(fresh: Fresh) -> None:
    fresh.owner.post(f"{OURS}/sites/new", SITE)
    here = "/sites/www.harbour.example/connect"
    page = fresh.owner.post(here).text
    for words in ("does not answer for www.harbour.example", "203.0.113.80", "leads here"):
        assert words in page
    fresh.world.known = ()
    page = fresh.owner.post(here).text
    assert "DNS does not know www.harbour.example" in page
    assert "leads here" not in page


def test_requests_for_unknown_hosts_and_private_addresses_are_hints(fresh: Fresh) -> None:
    fresh.owner.post(f"{OURS}/sites/new", SITE)
    with fresh.database.write() as connection:
        flush_traffic(connection, {TrafficKey(fresh.now, 0, "", "", "", "unknown_site"): 7})
    page = fresh.owner.get("/sites/www.harbour.example/connect?watch=1")
    assert "7 requests in the last hour named a host that is not served here" in page.text
    assert page.headers["refresh"] == "5"


@pytest.mark.parametrize(("address", "is_hint"), [("127.0.0.0/24", True), ("10.1.2.0/24", True), ("8.8.8.0/24", False),
                                                  ("fd00::/48", True), ("5f3a", False), ("", False)])  # fmt: skip
def test_crawlers_that_all_come_from_inside_are_a_front_that_is_not_named(
    fresh: Fresh, address: str, is_hint: bool
) -> None:
    fresh.owner.post(f"{OURS}/sites/new", SITE)
    with fresh.database.write() as connection:
        site_id = find_site(connection, SITE["host"]).site_id
        row = Activity(
            site_id,
            fresh.now,
            1,
            "GPTBot",
            "claimed",
            "training",
            "",
            "allowed",
            None,
            None,
            "GET",
            "/",
            200,
            "",
            address,
            1,
        )
        write_activity(connection, UserAgents(), [row], fresh.now)
    page = fresh.owner.get("/sites/www.harbour.example/connect").text
    assert ("FAREBOX_TRUSTED_PROXIES, and have it send" in page) == is_hint


def test_a_preset_of_a_sample_is_watched_only(quick_house: House) -> None:
    browser = quick_house.signed_in("editor@harbour.example")
    browser.post(f"{OURS}/sample")
    page = browser.get(f"/sites/{sample_host(1)}/rules").text
    assert "Watch" in page
    assert "Charge</span>" not in page


def test_a_world_that_is_not_asked_says_so(quick_house: House) -> None:
    page = quick_house.signed_in("editor@harbour.example").post("/sites/harbour.example/connect").text
    assert "without a way to ask" in page
