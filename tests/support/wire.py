"""A client that says exactly the bytes a test wants said and reads answers strictly, as a careful crawler would."""

from __future__ import annotations

import re
import select
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

PATIENCE_SECONDS = 60.0
_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-9][0-9][0-9]) [ -~]*")
_FIELD_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*)")


class Broken(Exception):
    """The connection ended, or broke HTTP's rules, before the answer was complete; ``received`` is what came."""

    def __init__(self, why: str, received: bytes) -> None:
        super().__init__(f"{why}; received {received[:300]!r}")
        self.received = received


@dataclass(frozen=True)
class Received:
    """A complete answer. ``fields`` joins repeated lines; ``interim`` lists the 1xx statuses before it."""

    status: int
    fields: dict[str, str]
    body: bytes
    interim: tuple[int, ...] = ()

    @property
    def closes(self) -> bool:
        """Whether the server said that it closes the connection."""
        return self.fields.get("connection", "").lower() == "close"


def answers_in(data: bytes, methods: Sequence[str] = ()) -> list[Received]:
    """All answers in what a connection brought; ``methods`` are those of the requests. Raises ``Broken``."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        wire = Wire.over(ours)
        wire._received = data
        theirs.close()
        answers: list[Received] = []
        while wire._received:
            answers.append(wire.answer(methods[len(answers)] if len(answers) < len(methods) else "GET"))
        return answers


class Wire:
    """One connection to a port of this machine. ``buffer_bytes`` makes a client that takes little at a time."""

    def __init__(self, port: int, *, buffer_bytes: int | None = None) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE_SECONDS)
        if buffer_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        try:
            self.socket.connect(("127.0.0.1", port))
        except OSError:
            self.socket.close()
            raise
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    @classmethod
    def over(cls, connected: socket.socket) -> Wire:
        """The same over a socket that is connected already."""
        wire = cls.__new__(cls)
        wire.socket = connected
        wire._received = b""
        return wire

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def ask(self, data: bytes, method: str = "GET") -> Received:
        """Send a request and read its answer."""
        self.send(data)
        return self.answer(method)

    def answer(self, method: str = "GET") -> Received:
        """Read the next answer; raises ``Broken`` when it does not come whole."""
        interim: list[int] = []
        while True:
            status, fields = self._head()
            if status >= 200:
                return Received(status, fields, self._body(method, status, fields), tuple(interim))
            interim.append(status)

    def take(self, count: int) -> bytes:
        """Exactly ``count`` bytes of whatever comes."""
        while len(self._received) < count:
            self._more()
        data, self._received = self._received[:count], self._received[count:]
        return data

    def has_more(self, patience_seconds: float = 0.05) -> bool:
        """Whether anything is there to be read, or the end; waits a little for it."""
        return bool(self._received) or bool(select.select([self.socket], [], [], patience_seconds)[0])

    def head(self) -> tuple[int, dict[str, str]]:
        """The head of the next answer alone."""
        return self._head()

    def rest(self) -> bytes:
        """Everything until the server closes; raises ``Broken`` for a reset."""
        while True:
            try:
                self._more()
            except Broken as broken:
                if str(broken).startswith("closed"):
                    return broken.received
                raise

    def is_closed(self) -> bool:
        """Whether the server closes without another byte; waits for it."""
        return self.rest() == b""

    def reset(self) -> None:
        """Break the connection off (RST)."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        """End the connection in an orderly way."""
        self.socket.close()

    def _head(self) -> tuple[int, dict[str, str]]:
        while b"\r\n\r\n" not in self._received:
            self._more()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        match = _STATUS_LINE.fullmatch(first)
        if match is None:
            raise Broken("no status line", head)
        fields: dict[str, str] = {}
        for line in lines:
            field = _FIELD_LINE.fullmatch(line)
            if field is None:
                raise Broken("no field line", head)
            name, value = field[1].decode().lower(), field[2].decode("latin-1").strip()
            fields[name] = f"{fields[name]}, {value}" if name in fields else value
        return int(match[1]), fields

    def _body(self, method: str, status: int, fields: dict[str, str]) -> bytes:
        coding, length = fields.get("transfer-encoding"), fields.get("content-length")
        if coding is not None and length is not None:
            raise Broken("two framings", b"")
        if method == "HEAD" or status in (204, 304):
            return b""
        if coding is not None:
            return self._chunks()
        return self.rest() if length is None else self.take(int(length))

    def _chunks(self) -> bytes:
        body = b""
        while True:
            size = int(self._line(), 16)
            body += self.take(size)
            if self._line() != b"":
                raise Broken("a chunk without its end", body)
            if size == 0:
                return body

    def _line(self) -> bytes:
        while b"\r\n" not in self._received:
            self._more()
        line, _, self._received = self._received.partition(b"\r\n")
        return line

    def _more(self) -> None:
        try:
            data = self.socket.recv(262_144)
        except ConnectionError as error:
            raise Broken(f"reset: {error}", self._received) from error
        if not data:
            raise Broken("closed", self._received)
        self._received += data
