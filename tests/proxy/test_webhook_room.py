"""Receivers that hang leave room for those that answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping

from edge.core.webhook_tries import Reply
from edge.proxy.webhook_sender import SENDS_AT_ONCE
from edge.proxy.webhook_worker import SENDS_PER_ENDPOINT, SENDS_TO_FAILING, WebhookWorker
from tests.support.webhook_post import Post
from tests.support.webhooks import SECOND

QUICK_URL = "https://quick.example/"


class Receivers:
    """They hang until they are ``released`` and then have not answered, but the quick one, which answers at once."""

    def __init__(self) -> None:
        self.released = asyncio.Event()
        self.sent: list[str] = []

    async def __call__(self, url: str, headers: Mapping[str, str], body: str) -> Reply:
        self.sent.append(url)
        if url == QUICK_URL:
            return Reply(200)
        await self.released.wait()
        return Reply(None, "no answer")

    async def look(self, worker: WebhookWorker) -> None:
        """One look, and the ends of what it began."""
        begun = len(self.sent) + await worker.look()
        while len(self.sent) < begun:  # noqa: ASYNC110 -- sending begins in another thread
            await asyncio.sleep(0.001)
        self.released.set()
        await worker.idle()


def listen(post: Post, count: int) -> None:
    for number in range(count):
        post.listen(f"https://hangs-{number}.example/")


def happen(post: Post, count: int) -> None:
    for _ in range(count):
        post.happen()


def test_many_receivers_that_begin_to_hang_leave_room_for_one_that_answers(post: Post) -> None:
    """Were each given its full share, they would fill the room before the last is looked at."""
    hanging = SENDS_AT_ONCE // SENDS_PER_ENDPOINT + 10
    listen(post, hanging)
    post.listen(QUICK_URL)
    happen(post, SENDS_PER_ENDPOINT)

    async def go() -> list[str]:
        receivers = Receivers()
        await receivers.look(post.worker(receivers))
        return receivers.sent

    sent = asyncio.run(go())
    assert sent.count(QUICK_URL) == 1
    assert len(sent) > hanging + 1


def test_receivers_that_failed_last_have_one_try_each_and_a_share_of_the_room(post: Post) -> None:
    listen(post, SENDS_TO_FAILING + 4)
    happen(post, 3)

    async def go() -> list[str]:
        failing = Receivers()
        failing.released.set()
        worker = post.worker(failing)
        while await worker.look():
            await worker.idle()
        post.listen(QUICK_URL)
        post.clock.now += 60 * SECOND
        happen(post, SENDS_PER_ENDPOINT)
        receivers = Receivers()
        await receivers.look(post.worker(receivers))
        return receivers.sent

    tries = Counter(asyncio.run(go()))
    assert tries.pop(QUICK_URL) == SENDS_PER_ENDPOINT
    assert list(tries.values()) == [1] * SENDS_TO_FAILING
