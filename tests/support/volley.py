"""Many raw messages at once, each on a connection of its own, and everything that came back."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Sequence

AT_ONCE = 200
PATIENCE_SECONDS = 30.0


def volley(port: int, messages: Sequence[bytes]) -> list[bytes]:
    """Send each message and collect what comes until the server has closed every connection, which it has to."""
    received: list[bytes] = []
    for start in range(0, len(messages), AT_ONCE):
        received += _batch(port, messages[start : start + AT_ONCE])
    return received


def _batch(port: int, messages: Sequence[bytes]) -> list[bytes]:
    received = [b""] * len(messages)
    with selectors.DefaultSelector() as selector:
        for index, message in enumerate(messages):
            sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
            sock.sendall(message)
            sock.setblocking(False)
            selector.register(sock, selectors.EVENT_READ, index)
        while selector.get_map():
            ready = selector.select(PATIENCE_SECONDS)
            assert ready, [messages[key.data] for key in selector.get_map().values()]
            for key, _ in ready:
                assert isinstance(key.fileobj, socket.socket)
                data = _receive(key.fileobj)
                received[key.data] += data
                if not data:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
    return received


def _receive(sock: socket.socket) -> bytes:
    try:
        return sock.recv(262_144)
    except ConnectionError:
        return b""
