"""How one connection's client keeps up: the lowest rate at which it takes an answer and sends content.

Rules of this file

- Time counts against a client only while the edge waits for nothing else: bytes are on their way to it, or content is
  owed and would be read. A slow origin, a quiet kept connection and our own pauses cost it nothing.
- What is on its way at one moment has to arrive before more can be asked of anybody: who has taken all of it keeps up,
  however little it was, and however far away it is.
- What was taken is what the peer's TCP has acknowledged, the same evidence that deliveries are judged by; where the
  system cannot tell, what has left our buffer.
- Everything here is looked at in the watchman's rounds. Requests pay nothing for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edge.proxy.connection_limits import Limit
from edge.proxy.delivery import DeliveryWatch


@dataclass(frozen=True, slots=True)
class TransferLimits:
    """What is asked of a client; seconds, and bytes per second.

    ``stall_seconds`` is how far it may fall behind ``bytes_per_second``: so long without a byte, twice as long at half
    that rate. With a rate of 0 any byte will do.
    """

    header_seconds: float
    stall_seconds: float
    bytes_per_second: int
    answer_seconds: float


class Answering(Protocol):
    """One request and its answer; uvicorn's ``RequestResponseCycle``."""

    response_started: bool
    response_complete: bool


class PacedConnection(Protocol):
    """What there is to know about a connection, without asking the system."""

    deliveries: DeliveryWatch
    content_received: int

    @property
    def answering(self) -> Answering | None:
        """The request whose answer is under way, or was the last."""

    @property
    def content_owed(self) -> Answering | None:
        """The request whose content the edge is ready to read, and has not got whole."""

    @property
    def is_paused(self) -> bool:
        """Whether more was to be sent than the client takes."""

    def unsent(self) -> int:
        """Bytes that wait in our own buffer."""


class Lag:
    """How far behind the lowest rate something is, in seconds.

    Time adds to it and bytes take away from it. It is never below 0: who was fast before gains no pause by it.
    """

    __slots__ = ("_at", "_moved", "_seconds")

    def __init__(self) -> None:
        self.start(0.0, 0)

    def start(self, now: float, moved: int) -> None:
        """Nothing is behind at ``now``, with so many bytes moved."""
        self._at = now
        self._moved = moved
        self._seconds = 0.0

    def after(self, now: float, moved: int, bytes_per_second: int) -> float:
        """The lag at ``now``, with so many bytes moved in all."""
        progress = moved - self._moved
        if progress and not bytes_per_second:
            self._seconds = 0.0
        else:
            gained = progress / bytes_per_second if progress else 0.0
            self._seconds = max(0.0, self._seconds + now - self._at - gained)
        self._at = now
        self._moved = moved
        return self._seconds


class ClientPace:
    """What the watchman remembers of one connection between its rounds."""

    __slots__ = (
        "_answer",
        "_answer_end",
        "_answer_since",
        "_arrived",
        "_arrived_answer",
        "_mark",
        "_owed",
        "_reading",
        "_sending",
    )

    def __init__(self) -> None:
        self._reading = Lag()
        self._sending = Lag()
        self._arrived = 0
        self._mark: int | None = None
        self._owed: Answering | None = None
        self._answer: Answering | None = None
        self._arrived_answer: Answering | None = None
        self._answer_since = 0.0
        self._answer_end: int | None = None

    def look(self, now: float, connection: PacedConnection, limits: TransferLimits) -> Limit | None:
        """One round: settle what arrived, and say which limit the client has passed, if any."""
        answer = connection.answering
        if (
            connection.deliveries.written <= self._arrived
            and (answer is None or answer is self._arrived_answer)
            and connection.content_owed is None
        ):
            # Nothing is asked of it, as of most of thousands: this round must be over soon.
            self._mark = self._owed = None
            return None
        if self._reads_too_slowly(now, connection, limits):
            return Limit.SLOW_READING
        if self._answer_takes_too_long(now, connection, limits):
            return Limit.LONG_ANSWER
        if self._sends_too_slowly(now, connection, limits):
            return Limit.SLOW_CONTENT
        return None

    def _reads_too_slowly(self, now: float, connection: PacedConnection, limits: TransferLimits) -> bool:
        written = connection.deliveries.written
        if written <= self._arrived:
            self._mark = None
            return False
        acknowledged = connection.deliveries.look()
        self._arrived = arrived = written - connection.unsent() if acknowledged is None else acknowledged
        if self._mark is None or (arrived >= self._mark and not connection.is_paused):
            self._mark = written  # all that was on its way at the last mark is there
            self._reading.start(now, arrived)
            return False
        return self._reading.after(now, arrived, limits.bytes_per_second) > limits.stall_seconds

    def _sends_too_slowly(self, now: float, connection: PacedConnection, limits: TransferLimits) -> bool:
        owed = connection.content_owed
        if owed is None or owed is not self._owed:
            self._owed = owed
            self._sending.start(now, connection.content_received)
            return False
        return self._sending.after(now, connection.content_received, limits.bytes_per_second) > limits.stall_seconds

    def _answer_takes_too_long(self, now: float, connection: PacedConnection, limits: TransferLimits) -> bool:
        """Whether it is too long since the answer's first byte, and its last has not arrived."""
        answer = connection.answering
        if answer is not self._answer or answer is None or not answer.response_started:
            self._answer, self._answer_since, self._answer_end = answer, now, None
            return False
        if answer.response_complete:
            if self._answer_end is None:
                self._answer_end = connection.deliveries.written
            if self._arrived >= self._answer_end:
                self._arrived_answer = answer
                return False
        return now - self._answer_since > limits.answer_seconds
