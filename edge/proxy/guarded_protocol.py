"""uvicorn's HTTP protocol with the edge's limits and nothing else of it: for the dashboard and the operators' pages.

Stock uvicorn lets a connection last for ever that sends a byte of its head now and then, or takes one of its answer,
and lets one address have all of them. Here the same limits hold as on the edge's port.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from edge.core.target import TARGET_BYTES_MAX
from edge.proxy.connection_limits import Limit
from edge.proxy.messages import status_line
from edge.proxy.read_request import HEADER_BYTES_MAX
from edge.proxy.transfer_rates import TransferLimits
from edge.proxy.watched_protocol import WatchedProtocol
from edge.proxy.watchman import Watchman


def plain_refusal(status: int, text: str, *lines: str) -> bytes:
    """A whole answer in plain text that ends the connection; ``lines`` are further header lines."""
    body = f"{text}\n".encode("ascii")
    head = ("content-type: text/plain", "cache-control: no-store", "connection: close", *lines)
    fields = "".join(f"{line}\r\n" for line in (*head, f"content-length: {len(body)}"))
    return b"".join((status_line(status), fields.encode("ascii"), b"\r\n", body))


TOO_MANY = plain_refusal(503, "Too many connections from this address.", "retry-after: 5")
_TOO_SLOW = plain_refusal(408, "The request's head took too long.")
_TOO_LARGE = plain_refusal(431, "The request's head is too large.")


class GuardedProtocol(WatchedProtocol):
    """One connection of a port that is not the edge's. Made by ``guarded_protocol``."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._waiting_for_head_since: float | None = None
        self._head_bytes = 0

    def _begin(self) -> None:
        self._waiting_for_head_since = self.loop.time()

    # Reading

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        if self._waiting_for_head_since is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEADER_BYTES_MAX + TARGET_BYTES_MAX:
                self._refuse_head(_TOO_LARGE)
        elif cycle is None or (cycle.response_complete and not cycle.more_body):
            self._waiting_for_head_since = self.loop.time()  # bytes between requests end the pause

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._waiting_for_head_since = self.loop.time()
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        self._waiting_for_head_since = None
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self.content_received += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.cycle.more_body = False  # also where the answer came first

    # Keeping up; see ``transfer_rates``

    def look(self, now: float, limits: TransferLimits) -> Limit | None:
        """One round of the watchman's: end what takes too long, and say what that was."""
        since = self._waiting_for_head_since
        if since is not None and now - since > limits.header_seconds and not self.transport.is_closing():
            self._refuse_head(_TOO_SLOW)
            return Limit.SLOW_HEAD
        limit = self._pace.look(now, self, limits)
        if limit is not None:
            self.transport.abort()
        return limit

    @property
    def answering(self) -> RequestResponseCycle | None:
        """The request that is being answered, or was the last."""
        return self.cycle

    @property
    def content_owed(self) -> RequestResponseCycle | None:
        """The request whose content is not there and would be read, to no purpose where it has its answer."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or not cycle.more_body:
            return None
        is_answering = cycle.response_started and not cycle.response_complete
        return None if is_answering or cycle.waiting_for_100_continue or self.flow.read_paused else cycle

    @property
    def is_paused(self) -> bool:
        """Whether more was to be sent than the client takes."""
        return self.flow.write_paused

    def _refuse_head(self, answer: bytes) -> None:
        self._waiting_for_head_since = None
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            self.transport.write(answer)
        self.transport.close()


def guarded_protocol(watchman: Watchman[GuardedProtocol]) -> type[GuardedProtocol]:
    """The protocol class to hand to uvicorn for one port."""

    class BoundProtocol(GuardedProtocol):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options, watchman=watchman)

    return BoundProtocol
