"""Programs bring sites in: they ask for one, prove its domain, connect it, begin with a preset, pause and resume it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from edge.core.catalogue import Catalogue
from edge.core.month import Month
from edge.store.books_tasks import end_task, find_task, start_task
from edge.store.people import Role
from edge.store.publisher_tokens import NewPublisherToken, Scope, add_publisher_token
from edge.store.publishers import add_publisher
from edge.store.site_claims import claim_site
from edge.store.site_values import EdgeAddresses
from edge.store.sites import SiteOptions, list_sites
from edge.store.traffic import TrafficKey, flush_traffic
from publisher_dashboard.api.rates import COSTLY_BURST
from tests.dashboard.api_client import ApiClient, new_client
from tests.dashboard.conftest import ORIGIN, House
from tests.dashboard.test_api import SITE, problem
from tests.dashboard.test_first_run import Fresh
from tests.dashboard.test_months import close_september

CLAIMS = "/api/v1/claims"
WANTED = {"host": "www.harbour.example", "origin": "http://127.0.0.1:8000", "currency": "EUR"}


@pytest.fixture
def fresh(tmp_path: Path, catalogue: Catalogue) -> Iterator[Fresh]:
    made = Fresh(tmp_path / "fresh.db", catalogue)
    yield made
    made.close()


def program(fresh: Fresh, *scopes: Scope, publisher_id: int = 1) -> ApiClient:
    with fresh.database.write() as connection:
        new = NewPublisherToken("a program", scopes or tuple(Scope))
        _, text = add_publisher_token(connection, publisher_id, new, author="owner", now_micros=fresh.now)
    return ApiClient(TestClient(fresh.app, base_url=ORIGIN), text)


# Asking for a site


def test_a_site_that_a_program_asks_for_waits_and_is_not_served(fresh: Fresh) -> None:
    client = program(fresh)
    made = client.send("POST", CLAIMS, WANTED)
    assert (made.status_code, made.json()["origin"], made.json()["proved"]) == (201, WANTED["origin"], None)
    again = client.send("POST", CLAIMS, {**WANTED, "origin": "http://10.0.0.9"}).json()
    assert (again["id"], again["origin"]) == (made.json()["id"], "http://10.0.0.9")
    assert client.get(CLAIMS).json()["data"] == [again]
    assert fresh.hosts() == []
    served = fresh.owner.post("/operator/sites/serve", {**WANTED, "origin": again["origin"], "publisher": "1"})
    assert served.status_code == 303
    assert fresh.hosts() == ["www.harbour.example"]
    assert client.get(CLAIMS).json()["data"] == []
    problem(client.send("POST", CLAIMS, WANTED), 409, "not_possible")


def test_who_asked_for_a_site_is_in_the_audit_log_on_the_page_and_over_the_api(fresh: Fresh) -> None:
    client, member = program(fresh), fresh.another("second@harbour.example", Role.OWNER)
    client.send("POST", CLAIMS, WANTED)
    assert member.post("/publishers/1/sites/new", {**WANTED, "origin": "http://10.0.0.9"}).status_code == 303
    written = client.get("/api/v1/audit?area=site").json()["data"]
    assert [(one["action"], one["subject"], one["details"]["origin"]) for one in written] == [
        ("site.asked", WANTED["host"], "http://10.0.0.9"),
        ("site.asked", WANTED["host"], WANTED["origin"]),
    ]
    assert [one["author"].split(" (")[0] for one in written] == ["second@harbour.example", "token a program"]


def test_a_host_may_be_pasted_as_an_address(fresh: Fresh) -> None:
    made = program(fresh).send("POST", CLAIMS, {**WANTED, "host": "https://WWW.harbour.example/"})
    assert (made.status_code, made.json()["host"]) == (201, "www.harbour.example")


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"host": "no host"}, "host"), ({"origin": "ftp://x"}, "origin"), ({"currency": "€"}, "currency")],
)
def test_what_cannot_be_served_is_said_at_its_field(fresh: Fresh, changed: dict[str, str], field: str) -> None:
    told = problem(program(fresh).send("POST", CLAIMS, {**WANTED, **changed}), 422, "invalid")
    assert told["fields"][0]["name"] == field  # type: ignore[index]


def test_a_domain_is_proved_by_what_is_found_there(fresh: Fresh) -> None:
    client = program(fresh)
    claim = client.send("POST", CLAIMS, WANTED).json()
    path = f"{CLAIMS}/{claim['id']}"
    looked = client.send("POST", f"{path}/check").json()
    assert (looked["proved"], looked["found_records"], looked["found_file"]) == (None, [], None)
    assert f"{claim['record_name']} has no TXT record, not {claim['record_text']};" in looked["words"]
    assert f"at {claim['file_url']} there is no file, not {claim['file_text']}." in looked["words"]
    fresh.world.texts[claim["record_name"]] = ["v=spf1 -all"]
    fresh.world.files[claim["file_url"]] = "x" * 300
    other = client.send("POST", f"{path}/check").json()
    assert (other["proved"], other["found_records"], other["found_file"]) == (None, ["v=spf1 -all"], "x" * 200)
    assert other["words"].count("another text") == 2
    fresh.world.texts[claim["record_name"]] = [claim["record_text"]]
    assert client.send("POST", f"{path}/check").json()["proved"] == "dns"
    fresh.world.texts.clear()
    fresh.world.files[claim["file_url"]] = claim["file_text"]
    assert client.send("POST", f"{path}/check").json()["proved"] == "file"
    assert client.send("DELETE", path).json() == {"changed": True}
    problem(client.send("DELETE", path), 404, "not_found")


def test_what_another_publisher_asks_for_is_not_there(fresh: Fresh) -> None:
    with fresh.database.write() as connection:
        other = add_publisher(connection, "Other", "office@other.example", fresh.now)
        options = SiteOptions(origin="http://127.0.0.1:8000")
        claim = claim_site(
            connection, other.publisher_id, "www.other.example", options, EdgeAddresses(), "owner", fresh.now
        )
    client, path = program(fresh), f"{CLAIMS}/{claim.claim_id}"
    assert client.get(CLAIMS).json()["data"] == []
    problem(client.send("POST", f"{path}/check"), 404, "not_found")
    problem(client.send("DELETE", path), 404, "not_found")
    assert program(fresh, publisher_id=other.publisher_id).get(CLAIMS).json()["data"][0]["id"] == claim.claim_id


def test_what_asks_other_machines_is_asked_more_seldom(fresh: Fresh) -> None:
    client = program(fresh)
    path = f"{CLAIMS}/{client.send('POST', CLAIMS, WANTED).json()['id']}/check"
    for _ in range(COSTLY_BURST):
        assert client.send("POST", path).status_code == 200
    refused = client.send("POST", path)
    problem(refused, 429, "too_many_requests")
    assert int(refused.headers["retry-after"]) > 1
    assert client.get(CLAIMS).status_code == 200
    fresh.clock.pass_minutes(1)
    assert client.send("POST", path).status_code == 200


# The way to the edge


def test_a_front_is_written_out_and_the_first_request_is_seen(fresh: Fresh) -> None:
    fresh.owner.post("/publishers/1/sites/new", WANTED)
    client, here = program(fresh), f"/api/v1/sites/{WANTED['host']}/connect"
    before = client.get(here).json()
    assert (before["connected"], before["first_day"]) == (False, None)
    nginx = next(one for one in before["fronts"] if one["front"] == "nginx")
    assert "server_name www.harbour.example;" in nginx["files"][0]["text"]
    with fresh.database.write() as connection:
        site_id = list_sites(connection)[0].site_id
        flush_traffic(connection, {TrafficKey(fresh.now, site_id, "", "", "", "visitor"): 3})
    after = client.get(here).json()
    assert (after["connected"], after["requests_last_hour"]) == (True, 3)
    checked = client.send("POST", f"{here}/check").json()["data"]
    assert [one["good"] for one in checked] == [False, True, True]


def test_first_steps_are_listed_and_put_aside(fresh: Fresh) -> None:
    client = program(fresh)
    steps = client.get("/api/v1/first-steps").json()["data"]
    assert [one["done"] for one in steps] == [False] * 5
    assert steps[0]["page"] == "/publishers/1/sites/new"
    fresh.owner.post("/publishers/1/sites/new", WANTED)
    assert [one["done"] for one in client.get("/api/v1/first-steps").json()["data"]] == [True, *[False] * 4]
    assert client.send("DELETE", "/api/v1/first-steps").json() == {"changed": True}
    assert client.get("/api/v1/first-steps").json()["data"] == []


def test_whoever_paused_every_site_is_not_told_to_add_one(fresh: Fresh) -> None:
    client = program(fresh)
    fresh.owner.post("/publishers/1/sites/new", WANTED)
    client.send("POST", "/api/v1/sample")
    here = f"/api/v1/sites/{WANTED['host']}"
    client.send("POST", f"{here}/pause", if_match=client.get(here).headers["etag"])
    assert client.get("/api/v1/first-steps").json()["data"] == []
    assert "Add your site" not in fresh.owner.get("/publishers/1").text
    with fresh.database.read() as connection:
        [paused] = [one for one in list_sites(connection, with_removed=True) if not one.active]
    assert client.send("POST", f"/api/v1/paused-sites/{paused.site_id}/resume").status_code == 200
    assert client.get("/api/v1/first-steps").json()["data"][0]["done"]


def test_a_sample_is_made_once_and_leaves_nothing(quick_house: House) -> None:
    client = new_client(quick_house, Scope.PRICES)
    made = client.send("POST", "/api/v1/sample")
    assert (made.status_code, made.json()["live_version"]) == (201, 1)
    assert client.send("POST", "/api/v1/sample").json() == made.json()
    assert made.json() in client.get("/api/v1/sites").json()["sites"]
    assert client.send("DELETE", "/api/v1/sample").json() == {"changed": True}
    assert client.send("DELETE", "/api/v1/sample").json() == {"changed": False}
    sites = client.get("/api/v1/sites").json()
    assert made.json()["host"] not in str(sites)


# Presets


def test_a_preset_goes_into_the_draft_that_was_seen(quick_house: House) -> None:
    client = new_client(quick_house, Scope.PRICES)
    tag = client.get(f"{SITE}/draft").headers["etag"]
    listed = client.get(f"{SITE}/presets?price=5&unit=thousand").json()["data"]
    assert [one["preset"] for one in listed] == ["watch", "training", "bots", "signed"]
    body = {"preset": "training", "price": "0.005"}
    problem(client.send("POST", f"{SITE}/draft/preset", body), 428, "precondition_missing")
    changed = client.send("POST", f"{SITE}/draft/preset", body, if_match=tag)
    assert changed.json()["rules"] == listed[1]["rules"]
    assert changed.json()["rules"]["rule"][0]["price"] == "USD 0.005"
    assert client.get(f"{SITE}/draft").headers["etag"] == changed.headers["etag"] != tag
    told = problem(client.send("POST", f"{SITE}/draft/preset", body, if_match=tag), 412, "moved_on")
    assert (told["yours"], told["current"]) == ({**body, "unit": "page"}, changed.json())


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"price": "0"}, "price"), ({"price": ""}, "price"), ({"price": "dear"}, "price"), ({"preset": "all"}, "preset")],
)
def test_a_preset_that_makes_no_sense_is_said(quick_house: House, changed: dict[str, str], field: str) -> None:
    client = new_client(quick_house, Scope.PRICES)
    tag = client.get(f"{SITE}/draft").headers["etag"]
    body = {"preset": "training", "price": "0.005", **changed}
    told = problem(client.send("POST", f"{SITE}/draft/preset", body, if_match=tag), 422, "invalid")
    assert told["fields"][0]["name"] == field  # type: ignore[index]
    assert client.get(f"{SITE}/draft").headers["etag"] == tag


# Pausing


def test_a_site_is_paused_by_who_looked_and_resumed_as_it_was(quick_house: House) -> None:
    client = new_client(quick_house, Scope.TEAM)
    before = client.get(SITE)
    problem(client.send("POST", f"{SITE}/pause"), 428, "precondition_missing")
    told = problem(client.send("POST", f"{SITE}/pause", if_match='"another"'), 412, "moved_on")
    assert told["current"] == before.json()
    assert client.send("POST", f"{SITE}/pause", if_match=before.headers["etag"]).json() == {"changed": True}
    problem(client.get(SITE), 404, "not_found")
    [paused] = client.get("/api/v1/sites").json()["paused"]
    assert paused["host"] == "harbour.example"
    path = f"/api/v1/paused-sites/{paused['id']}/resume"
    problem(new_client(quick_house, Scope.TEAM, theirs=True).send("POST", path), 404, "not_found")
    resumed = client.send("POST", path)
    assert (resumed.json(), resumed.headers["etag"]) == (before.json(), before.headers["etag"])
    assert client.send("POST", path).json() == before.json()


def test_a_token_of_sites_resumes_those_alone(quick_house: House) -> None:
    kitchen = new_client(quick_house, Scope.TEAM, hosts=("kitchen.harbour.example",))
    tag = new_client(quick_house, Scope.TEAM).get(SITE).headers["etag"]
    new_client(quick_house, Scope.TEAM).send("POST", f"{SITE}/pause", if_match=tag)
    assert kitchen.get("/api/v1/sites").json()["paused"] == []
    site_id = quick_house.newsroom.site.site_id
    problem(kitchen.send("POST", f"/api/v1/paused-sites/{site_id}/resume"), 404, "not_found")


# Months


def test_a_closed_month_is_verified_and_nothing_of_others_is_told(quick_house: House, tmp_path: Path) -> None:
    close_september(quick_house, tmp_path)
    client, path = new_client(quick_house, Scope.REPORTS), "/api/v1/months/2026-09/verify"
    assert client.get(path).json() == {"month": "2026-09", "state": "none", "at": None}
    begun = client.send("POST", path)
    assert (begun.status_code, begun.json()["state"]) == (202, "holds")
    assert client.get(path).json() == begun.json()
    with quick_house.database.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER month_fee_no_update")
        connection.exec_driver_sql("DROP TRIGGER month_close_no_update")
        connection.exec_driver_sql("UPDATE month_close SET manifest = replace(manifest, 'P1', 'P9')")
    assert client.send("POST", path).json() == begun.json(), "one that held a moment ago is not checked again"
    quick_house.clock.pass_minutes(11)
    assert client.send("POST", path).json()["state"] == "not_confirmed"
    assert set(client.get(path).json()) == {"month", "state", "at"}


def test_a_check_under_way_is_told_and_asked_again(quick_house: House) -> None:
    client, path, now = new_client(quick_house, Scope.READ), "/api/v1/months/2026-09/verify", int(1e6)
    with quick_house.database.write() as connection:
        of_round = start_task(connection, "verify 2026-09", "owner", int(quick_house.clock() * now))
    running = client.get(path)
    assert (running.json()["state"], running.headers["retry-after"]) == ("running", "2")
    assert of_round is not None
    with quick_house.database.write() as connection:
        end_task(connection, "verify 2026-09", of_round, well=True, said="", now_micros=int(quick_house.clock() * now))
    assert client.get(path).json()["state"] == "holds"


def test_an_open_month_is_not_verified(quick_house: House) -> None:
    client = new_client(quick_house, Scope.REPORTS)
    problem(client.send("POST", "/api/v1/months/2026-10/verify"), 409, "not_possible")
    problem(client.send("POST", "/api/v1/months/2031-10/verify"), 404, "not_found")
    with quick_house.database.read() as connection:
        assert find_task(connection, f"verify {Month(2026, 10).label}") is None
