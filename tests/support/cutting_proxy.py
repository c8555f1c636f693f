"""A TCP relay that loses connections at the worst moment: while a COMMIT is on its way."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from enum import Enum, auto


class Cut(Enum):
    """Where the next COMMIT is cut off."""

    UNHEARD = auto()
    """The server never hears of it."""
    UNANSWERED = auto()
    """The server hears of it and does it, but its answer is lost."""


class CuttingProxy:
    """Relays to one server; `cut` is used up by the next COMMIT of a ledger batch, `refuse` turns everybody away."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._refusing = False
        self.cut: Cut | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def armed(self) -> bool:
        """Whether the cut still waits for its COMMIT."""
        return self.cut is not None

    def refuse(self) -> None:
        """The server is gone, as far as anyone can see."""
        self._refusing = True
        _close(*self._open)

    def allow(self) -> None:
        """The server is back."""
        self._refusing = False

    def close(self) -> None:
        self.refuse()
        _close(self._listener)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._refusing:
                    _close(client)
                    continue
                server = socket.create_connection(self._server)
                self._open |= {client, server}
                threading.Thread(target=self._upward, args=(client, server), daemon=True).start()
                threading.Thread(target=self._downward, args=(server, client), daemon=True).start()

    def _upward(self, client: socket.socket, server: socket.socket) -> None:
        holds_batch = False
        with suppress(OSError):
            while data := client.recv(65536):
                holds_batch |= b"INSERT INTO batch" in data
                if self.cut is not None and holds_batch and b"COMMIT" in data:
                    cut, self.cut = self.cut, None
                    if cut is Cut.UNANSWERED:
                        server.sendall(data)
                        _close(client)
                        return
                    break
                holds_batch &= b"COMMIT" not in data
                server.sendall(data)
        _close(client, server)

    def _downward(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                client.sendall(data)
        _close(client)


def _close(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
