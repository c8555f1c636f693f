"""Deliveries over real sockets to a real receiver, which verifies them with the stock library."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.core.webhook_tries import RETRY_SECONDS, TRIES_MAX, Reply
from edge.proxy.webhook_sender import WebhookSender
from edge.proxy.webhook_worker import WebhookWorker
from edge.store.database import Database
from edge.store.service_keys import load_service_keys, rotate_service_keys
from edge.store.webhook_endpoints import remove_endpoint, rotate_secret
from tests.support.books import migrate
from tests.support.postgres import PostgresServer
from tests.support.source_tree import ROOT
from tests.support.webhook_post import LIMITS, PATIENCE_SECONDS, Post
from tests.support.webhook_receiver import WebhookReceiver
from tests.support.webhooks import SECOND

MINUTE = 60 * SECOND


def test_a_message_verifies_and_says_what_happened(post: Post, receiver: WebhookReceiver) -> None:
    endpoint, secret = post.listen(receiver.url())
    receiver.learn(secret)
    event_id = post.happen()
    assert post.deliver() == 1
    (message,) = receiver.received()
    assert (message["id"], message["problem"]) == (event_id, None)
    assert (message["document"]["type"], message["document"]["data"]) == ("ledger.alarm", {"n": 1})
    assert message["headers"]["Content-Type"] == "application/json"
    assert [found.state for found in post.deliveries(endpoint)] == ["delivered"]
    assert post.deliver() == 0, "what was delivered is not sent again"


def test_while_a_secret_changes_old_and_new_both_verify(post: Post, receiver: WebhookReceiver) -> None:
    endpoint, old = post.listen(receiver.url())
    with post.database.write() as connection:
        new = rotate_secret(connection, endpoint.endpoint_id, post.keys, post.clock.now, overlap_seconds=60)
    for secret in (old, new):
        receiver.learn(secret)
        post.happen()
        post.deliver()
    post.clock.now += 61 * SECOND
    for secret in (old, new):
        receiver.learn(secret)
        post.happen()
        post.deliver()
        post.clock.now += 1
    problems = [message["problem"] for message in receiver.received()]
    assert [problem is None for problem in problems] == [True, True, False, True]


@pytest.mark.parametrize("away", [-10 * MINUTE, 10 * MINUTE])
def test_a_message_out_of_its_time_is_refused_by_the_receiver(post: Post, receiver: WebhookReceiver, away: int) -> None:
    endpoint, secret = post.listen(receiver.url())
    receiver.learn(secret)
    post.clock.now += away
    post.happen()
    post.deliver()
    (message,) = receiver.received()
    assert "timestamp too" in message["problem"]
    assert [(found.state, found.status) for found in post.deliveries(endpoint)] == [("pending", 400)]


def test_after_a_500_the_same_id_comes_again_signed_anew(post: Post, receiver: WebhookReceiver) -> None:
    endpoint, secret = post.listen(receiver.url("/flaky"))
    receiver.learn(secret)
    event_id = post.happen()
    post.deliver()
    assert post.endpoint(endpoint).state == "failing"
    post.clock.now += RETRY_SECONDS[0] * SECOND - 1
    assert post.deliver() == 0, "not before its time"
    post.clock.now += 1
    assert post.deliver() == 1
    first, second = receiver.received()
    assert first["id"] == second["id"] == event_id
    assert first["body"] == second["body"]
    assert int(second["headers"]["webhook-timestamp"]) - int(first["headers"]["webhook-timestamp"]) == RETRY_SECONDS[0]
    assert second["problem"] is None
    (found,) = post.deliveries(endpoint)
    assert (found.state, found.attempts, found.status) == ("delivered", 2, 200)
    assert post.endpoint(endpoint).state == "active"


def test_after_the_last_try_it_has_failed(post: Post, receiver: WebhookReceiver) -> None:
    endpoint, _ = post.listen(receiver.url("/broken"))
    post.happen()
    for wait in (*RETRY_SECONDS, 0):
        assert post.deliver() == 1
        post.clock.now += wait * SECOND
    assert post.deliver() == 0
    (found,) = post.deliveries(endpoint)
    assert (found.state, found.attempts) == ("failed", TRIES_MAX)
    assert len(receiver.received()) == TRIES_MAX


def test_410_is_the_end(post: Post, receiver: WebhookReceiver) -> None:
    endpoint, secret = post.listen(receiver.url("/gone"))
    receiver.learn(secret)
    post.happen()
    post.deliver()
    found = post.endpoint(endpoint)
    assert (found.state, found.trouble) == ("disabled", "it answered 410 (Gone): it wants no more events")
    assert post.happen() is None
    assert post.deliver() == 0


def test_a_receiver_that_is_busy_is_left_alone_as_long_as_it_asks(post: Post, receiver: WebhookReceiver) -> None:
    endpoint, secret = post.listen(receiver.url("/busy"))
    receiver.learn(secret)
    post.happen()
    post.deliver()
    (found,) = post.deliveries(endpoint)
    assert (found.state, found.status, found.due_at_micros) == ("pending", 503, post.clock.now + 900 * SECOND)


def test_a_slow_endpoint_waits_for_itself_alone(post: Post, receiver: WebhookReceiver) -> None:
    """While every try that the slow one may have is under way, another endpoint gets all of its events."""
    slow, secret = post.listen(receiver.url("/hang"))
    receiver.learn(secret)
    for _ in range(5):
        post.happen()
    with WebhookReceiver() as other:
        quick, secret = post.listen(other.url())
        other.learn(secret)

        async def go(worker: WebhookWorker) -> int:
            await worker.look()
            for _ in range(5):
                post.happen()
            while len(other.received()) < 5:
                await worker.look()
                await asyncio.sleep(0.01)
            held = len(receiver.received("/hang"))
            receiver.release()
            await worker.idle()
            while await worker.look():
                await worker.idle()
            return held

        assert post.at_work(go) == 2, "no more of the slow one's than its share were under way"
        assert {found.state for found in post.deliveries(quick)} == {"delivered"}
        assert len(post.deliveries(slow)) == 10
        assert {found.state for found in post.deliveries(slow)} == {"delivered"}


def test_a_publisher_hears_nothing_of_another_ones_matters(post: Post, receiver: WebhookReceiver) -> None:
    _, secret = post.listen(receiver.url("/mine"), publisher_id=1)
    receiver.learn(secret)
    with WebhookReceiver() as operators:
        _, secret = post.listen(operators.url())
        operators.learn(secret)
        mine = post.happen("rules.published", publisher_id=1)
        theirs = post.happen("rules.published", publisher_id=2)
        nobodys = post.happen("rules.published")
        while post.deliver():
            pass
        assert [message["id"] for message in receiver.received()] == [mine]
        assert {message["id"] for message in operators.received()} == {mine, theirs, nobodys}


def test_a_missing_service_key_sends_nothing_and_says_so(post: Post, receiver: WebhookReceiver, tmp_path: Path) -> None:
    endpoint, _ = post.listen(receiver.url())
    post.happen()
    post.keys = load_service_keys(tmp_path / "elsewhere")
    post.deliver()
    assert receiver.received() == []
    assert "FAREBOX_DATA_DIR" in (post.deliveries(endpoint)[0].trouble or "")


def test_a_service_key_that_is_younger_than_the_worker_is_found(
    post: Post, receiver: WebhookReceiver, tmp_path: Path
) -> None:
    async def go(worker: WebhookWorker) -> int:
        post.keys = rotate_service_keys(tmp_path / "data", datetime(2026, 11, 20, tzinfo=UTC))
        _, secret = post.listen(receiver.url())
        receiver.learn(secret)
        post.happen()
        begun = await worker.look()
        await worker.idle()
        return begun

    assert post.at_work(go) == 1
    assert [message["problem"] for message in receiver.received()] == [None]


def test_a_worker_that_stops_leaves_what_is_under_way_to_the_next(post: Post, receiver: WebhookReceiver) -> None:
    endpoint, secret = post.listen(receiver.url("/hang"))
    receiver.learn(secret)
    event_id = post.happen()

    async def go(worker: WebhookWorker) -> int:
        begun = await worker.look()
        while not await asyncio.to_thread(receiver.received):
            pass
        await worker.finish(patience_seconds=0.01)
        return begun

    assert post.at_work(go) == 1
    receiver.release()
    (found,) = post.deliveries(endpoint)
    assert (found.state, found.tried_at_micros) == ("pending", None)
    post.clock.now = found.due_at_micros
    assert post.deliver() == 1
    assert [message["id"] for message in receiver.received()] == [event_id, event_id]


def test_an_endpoint_that_is_removed_under_way_is_forgotten(post: Post) -> None:
    endpoint, _ = post.listen("https://hooks.example/")
    post.happen()

    async def send(url: str, headers: object, body: str) -> Reply:
        with post.database.write() as connection:
            remove_endpoint(connection, endpoint.endpoint_id)
        return Reply(500)

    async def go() -> None:
        worker = post.worker(send)
        await worker.look()
        await worker.idle()

    asyncio.run(go())
    assert post.deliveries(endpoint) == []


KILLED_AFTER_SENDING = """
import asyncio, os, signal, sys
from pathlib import Path
from edge.proxy.webhook_sender import WebhookSender
from edge.proxy.webhook_worker import WebhookWorker, WorkerLimits
from edge.store.database import Database
from edge.store.service_keys import load_service_keys

url, data, now = sys.argv[1:]

async def go():
    sender = WebhookSender(30.0, allow_loopback_http=True)

    async def send_and_die(*words):
        reply = await sender(*words)
        assert reply.accepted, reply
        os.kill(os.getpid(), signal.SIGKILL)

    limits = WorkerLimits(30.0, 1e6)
    database = Database.open(url)
    worker = WebhookWorker(
        database, lambda: load_service_keys(Path(data)), send_and_die, limits,
        clock=lambda: int(now), draw=lambda: 0.0, report=print,
    )
    await worker.look()
    await worker.idle()

asyncio.run(go())
"""


def test_a_worker_that_dies_after_sending_is_followed_by_one_that_sends_again(
    post: Post, receiver: WebhookReceiver, tmp_path: Path
) -> None:
    endpoint, secret = post.listen(receiver.url())
    receiver.learn(secret)
    event_id = post.happen()
    words = [str(post.database.url), str(tmp_path / "data"), str(post.clock.now)]
    died = subprocess.run(
        [sys.executable, "-c", KILLED_AFTER_SENDING, *words], cwd=ROOT, capture_output=True, text=True
    )
    assert died.returncode == -9, died.stderr
    assert post.deliver() == 0, "its lease stands"
    post.clock.now += int(LIMITS.lease_seconds * SECOND)
    assert post.deliver() == 1
    assert [message["id"] for message in receiver.received()] == [event_id, event_id]
    assert [found.state for found in post.deliveries(endpoint)] == ["delivered"]


def test_two_workers_on_postgresql_send_each_message_once(
    postgres_server: PostgresServer, receiver: WebhookReceiver, tmp_path: Path
) -> None:
    name = postgres_server.create_database(template=postgres_server.template("store", migrate))
    databases = [Database.open(postgres_server.url(name)) for _ in range(2)]
    post = Post(databases[0], load_service_keys(tmp_path / "data"))
    endpoint, secret = post.listen(receiver.url())
    receiver.learn(secret)
    ids = [str(post.happen()) for _ in range(20)]

    async def go() -> None:
        sender = WebhookSender(PATIENCE_SECONDS, allow_loopback_http=True)
        workers = [post.worker(sender, database=database) for database in databases]
        while sum(await asyncio.gather(*(worker.look() for worker in workers))):
            await asyncio.gather(*(worker.idle() for worker in workers))
        await sender.close()

    asyncio.run(go())
    assert sorted(message["id"] for message in receiver.received()) == sorted(ids)
    assert {found.state for found in post.deliveries(endpoint)} == {"delivered"}
    for database in databases:
        database.close()
    postgres_server.drop_database(name)
    assert post.reports.errors == []
