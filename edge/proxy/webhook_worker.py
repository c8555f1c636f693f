"""Deliver what is due: look a moment at the database, take a few deliveries of each endpoint, send them side by side.

Rules of this file
- Every process that serves runs this; the database gives each delivery to one of them at a time
  (``edge.store.webhook_deliveries``). At least once: whoever dies between sending and writing it down is followed by
  another try under the same ``webhook-id``.
- An endpoint has two tries under way at most, and only one when half of the room is taken. Endpoints with none under
  way go first: a slow one waits for itself alone.
- An endpoint whose last try failed has one under way at most, goes after the others, and all such have a quarter of the
  room between them: receivers that hang leave the rest to those that answer.
- What is broken here never stops a sale: it is reported, and tried again with the next look.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from edge.core.webhook_signing import signed_headers
from edge.core.webhook_tries import Reply, after_try
from edge.proxy.webhook_sender import SENDS_AT_ONCE
from edge.store.database import Database
from edge.store.service_keys import ServiceKeyProblem, ServiceKeys
from edge.store.webhook_deliveries import DueEndpoint, Task, endpoints_due, note_try, take_due
from edge.store.webhook_endpoints import SecretLost, secrets_in_force

LOOK_EVERY_SECONDS = 1.0
SENDS_PER_ENDPOINT = 2
SENDS_TO_FAILING = SENDS_AT_ONCE // 4
LEASE_MARGIN_SECONDS = 30.0
FINISH_SECONDS = 2.0

Send = Callable[[str, Mapping[str, str], str], Awaitable[Reply]]
Report = Callable[[str, BaseException], None]


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """``send_seconds`` bounds one try, and with a margin the lease; endpoints that fail so long are disabled."""

    send_seconds: float
    disable_seconds: float

    @property
    def lease_seconds(self) -> float:
        """How long a delivery is its taker's."""
        return self.send_seconds + LEASE_MARGIN_SECONDS


class WebhookWorker:
    """One process's deliveries. ``clock`` gives microseconds since the epoch, ``draw`` a number from [0, 1).

    ``keys`` reads the key files, each time: a secret may be made of a key that is younger than this process.
    """

    def __init__(
        self,
        database: Database,
        keys: Callable[[], ServiceKeys],
        send: Send,
        limits: WorkerLimits,
        *,
        clock: Callable[[], int],
        draw: Callable[[], float],
        report: Report,
    ) -> None:
        self.totals: Counter[str] = Counter()
        self._database = database
        self._keys = keys
        self._send = send
        self._limits = limits
        self._clock = clock
        self._draw = draw
        self._report = report
        self._under_way: dict[asyncio.Task[None], DueEndpoint] = {}

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            try:
                await self.look()
            except Exception as error:  # the store is down: what waits is still there with the next look
                self._report("webhooks", error)

    async def look(self) -> int:
        """Begin whatever is due and has room here; return how many tries were begun."""
        begun = 0
        due = await asyncio.to_thread(self._due)
        for endpoint in sorted(due, key=lambda endpoint: (endpoint.is_failing, self._load(endpoint))):
            room = self._room(endpoint)
            if room > 0:
                for task in await asyncio.to_thread(self._take, endpoint, room):
                    self._begin(task, endpoint)
                    begun += 1
        return begun

    async def idle(self) -> None:
        """Wait until every try that was begun has ended and is written down."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def finish(self, patience_seconds: float = FINISH_SECONDS) -> None:
        """Give what is under way a moment, then leave it to whoever takes it when its lease ends."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=patience_seconds)
        for under_way in self._under_way:
            under_way.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _due(self) -> list[DueEndpoint]:
        with self._database.read() as connection:
            return endpoints_due(connection, self._clock())

    def _take(self, endpoint: DueEndpoint, room: int) -> list[Task]:
        with self._database.write() as connection:
            return take_due(connection, endpoint.endpoint_id, room, self._clock(), self._limits.lease_seconds)

    def _room(self, endpoint: DueEndpoint) -> int:
        """How many more tries may be begun for an endpoint now; not more than 0 when there is no room."""
        free = SENDS_AT_ONCE - len(self._under_way)
        if endpoint.is_failing:
            to_failing = sum(1 for busy in self._under_way.values() if busy.is_failing)
            return min(1 - self._load(endpoint), SENDS_TO_FAILING - to_failing, free)
        share = SENDS_PER_ENDPOINT if free > SENDS_AT_ONCE // 2 else 1
        return min(share - self._load(endpoint), free)

    def _load(self, endpoint: DueEndpoint) -> int:
        return sum(1 for busy in self._under_way.values() if busy.endpoint_id == endpoint.endpoint_id)

    def _begin(self, task: Task, endpoint: DueEndpoint) -> None:
        under_way = asyncio.create_task(self._try(task), name=f"webhook {task.event_id}")
        self._under_way[under_way] = endpoint
        under_way.add_done_callback(self._under_way.pop)

    async def _try(self, task: Task) -> None:
        try:
            reply = await self._reply(task)
            await asyncio.to_thread(self._note, task, reply)
        except Exception as error:  # not written down: it falls due again when the lease ends
            self._report("webhooks", error)

    async def _reply(self, task: Task) -> Reply:
        try:
            headers = await asyncio.to_thread(self._sign, task)
        except (SecretLost, ServiceKeyProblem) as why:
            return Reply(None, str(why))
        if headers is None:
            return Reply(None, "the endpoint was removed")
        return await self._send(task.url, headers, task.body)

    def _sign(self, task: Task) -> dict[str, str] | None:
        """Sign as of now: a receiver refuses a message whose time is five minutes away."""
        now_micros = self._clock()
        with self._database.read() as connection:
            secrets = secrets_in_force(connection, task.endpoint_id, self._keys(), now_micros)
        return signed_headers(secrets, task.event_id, task.body, now_micros // 1_000_000) if secrets else None

    def _note(self, task: Task, reply: Reply) -> None:
        then = after_try(reply, task.attempts, self._draw())
        with self._database.write() as connection:
            note_try(connection, task, reply, then, self._clock(), self._limits.disable_seconds)
        self.totals[then.state] += 1
