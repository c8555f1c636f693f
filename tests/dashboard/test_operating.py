"""The operator's pages, and webhooks: who sees which, and what may be sent again."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, select, update

from edge.core.budgets import Per
from edge.core.webhooks import WebhookEvent
from edge.store import outbox
from edge.store.accounts import Terms
from edge.store.budgets import BudgetPlace, set_budget
from edge.store.crawlers import find_crawler, suspend_crawler
from edge.store.people import does_operate, find_person, set_operates
from edge.store.service_keys import load_service_keys
from edge.store.tables import webhook_delivery, webhook_endpoint
from edge.store.webhook_endpoints import NewEndpoint, add_endpoint
from publisher_dashboard.routes import ROUTES
from publisher_dashboard.visit import Need
from tests.dashboard.conftest import Browser, House
from tests.support.newsroom import CANARY, usd

OPERATORS = [route for route in ROUTES if route.need is Need.OPERATE]
OURS = "/publishers/1/webhooks"


def operate(house: House, email: str = "viewer@harbour.example", *, operates: bool = True) -> None:
    with house.database.write() as connection:
        person = find_person(connection, email)
        assert person is not None
        set_operates(connection, person.person_id, operates)


def add_webhook(house: House, folder: Path, publisher_id: int | None, word: str) -> int:
    """An endpoint with one event that was given up."""
    now = int(house.clock() * 1_000_000)
    with house.database.write() as connection:
        new = NewEndpoint(f"https://{word}.example/in", publisher_id=publisher_id, created_by="tests")
        made, _ = add_endpoint(connection, new, load_service_keys(folder), now)
        tell(connection, word, publisher_id, now)
        failed = update(webhook_delivery).where(webhook_delivery.c.endpoint_id == made.endpoint_id)
        connection.execute(failed.values(state="failed", trouble="it answered 500", attempts=10))
    return made.endpoint_id


def tell(connection: Connection, word: str, publisher_id: int | None, now: int) -> None:
    event, subject = WebhookEvent.RULES_PUBLISHED, f"rules of {word}"
    outbox.add(connection, event, subject, {"site": word}, publisher_id=publisher_id, at_micros=now)


def states(house: House) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    with house.database.read() as connection:
        query = select(webhook_delivery.c.endpoint_id, webhook_delivery.c.state).order_by(webhook_delivery.c.event_id)
        for endpoint_id, state in connection.execute(query):
            found.setdefault(endpoint_id, []).append(state)
    return found


def ask(browser: Browser, method: str, path: str) -> int:
    filled = path.replace("{crawler_id:int}", "1").replace("{number:int}", "1")
    answer = browser.post(filled, {"webhook": "1"}) if method == "POST" else browser.get(filled)
    return answer.status_code


def test_the_operators_pages_do_not_exist_for_anybody_else(quick_house: House, tmp_path: Path) -> None:
    add_webhook(quick_house, tmp_path, None, "operator")
    owner = quick_house.signed_in("owner@harbour.example")
    assert len(OPERATORS) >= 28
    for route in OPERATORS:
        assert ask(owner, route.method, route.path) == 404
        assert ask(quick_house.new_browser(), route.method, route.path) in (303, 403)
    assert "/operator/" not in owner.get("/publishers/1").text
    assert states(quick_house) == {1: ["failed"]}


def test_an_operator_sees_every_crawlers_accounts_budgets_and_top_ups(house: House) -> None:
    with house.database.write() as connection:
        archive = find_crawler(connection, "Deep Archive")
        suspend_crawler(connection, "AnswerBot", True, 1)
    place = BudgetPlace(archive.crawler_id, "USD", Per.DAY)
    set_budget(house.database, place, usd("5"), author="ann", now=int(house.clock() * 1_000_000))
    operate(house)
    operator = house.signed_in("viewer@harbour.example")
    page = operator.get("/operator/crawlers").text
    for words in ("ExampleBot", "Deep Archive", Terms.POSTPAID.value, "$5,000.00", ">suspended<"):
        assert words in page, words
    one = operator.get(f"/operator/crawlers/{archive.crawler_id}").text
    for words in ("invoice 2026-09", "$250.00", "Budgets", "$5.00", "Resets"):
        assert words in one, words
    assert operator.get("/operator/crawlers/4711").status_code == 404
    operate(house, operates=False)
    assert operator.get("/operator/crawlers").status_code == 404


def test_a_publisher_sees_its_own_webhooks_and_no_others(house: House, tmp_path: Path) -> None:
    add_webhook(house, tmp_path, 1, "harbour-hooks")
    add_webhook(house, tmp_path, 2, CANARY)
    page = house.signed_in("viewer@harbour.example").get(OURS).text
    assert "harbour-hooks.example" in page
    assert "it answered 500" in page
    assert CANARY not in page
    assert "Send again" not in page
    assert "whsec_" not in page


def test_what_was_given_up_is_sent_again_and_only_ones_own(house: House, tmp_path: Path) -> None:
    ours, theirs = add_webhook(house, tmp_path, 1, "harbour-hooks"), add_webhook(house, tmp_path, 2, CANARY)
    editor = house.signed_in("editor@harbour.example")
    before = states(house)
    answer = editor.post(OURS, {"webhook": str(theirs)})
    assert (answer.status_code, CANARY in answer.text) == (404, False)
    assert editor.post(OURS, {"webhook": str(ours), "event": "msg_unknown"}).status_code == 404
    assert states(house) == before
    assert editor.post(OURS, {"webhook": str(ours)}).headers["location"] == f"{OURS}?said=sent-again"
    assert states(house) == {**before, ours: ["pending"] * len(before[ours])}
    assert editor.post(OURS, {"webhook": str(ours)}).headers["location"].endswith("said=nothing-to-send")


def test_an_operator_sends_any_event_again_but_not_to_a_disabled_webhook(quick_house: House, tmp_path: Path) -> None:
    number = add_webhook(quick_house, tmp_path, 2, "their-hooks")
    operate(quick_house)
    operator = quick_house.signed_in("viewer@harbour.example")
    page = operator.get("/operator/webhooks").text
    assert f"The {CANARY} Weekly" in page
    with quick_house.database.write() as connection:
        connection.execute(update(webhook_endpoint).values(state="disabled"))
    refused = operator.post("/operator/webhooks", {"webhook": str(number)})
    assert (refused.status_code, "farebox webhook enable" in refused.text) == (409, True)
    with quick_house.database.write() as connection:
        connection.execute(update(webhook_endpoint).values(state="active"))
        event = connection.execute(select(webhook_delivery.c.event_id)).scalars().first()
    assert operator.post("/operator/webhooks", {"webhook": str(number), "event": event}).status_code == 303
    assert "pending" in states(quick_house)[number]


def test_a_publisher_without_webhooks_is_told_how_to_add_one(quick_house: House) -> None:
    page = quick_house.signed_in().get(OURS).text
    assert "No webhook yet" in page
    assert f'href="{OURS}/new"' in page
    assert "An owner adds it" in quick_house.signed_in("viewer@harbour.example").get(OURS).text


def test_a_person_who_was_not_made_one_is_no_operator(quick_house: House) -> None:
    with quick_house.database.read() as connection:
        person = find_person(connection, "owner@harbour.example")
        assert person is not None
        assert not does_operate(connection, person.person_id)
