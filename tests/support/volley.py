"""Many raw messages at once, each on a connection of its own, and everything that came back."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Sequence

AT_ONCE = 200
PATIENCE_SECONDS = 10.0


def volley(port: int, messages: Sequence[bytes], quiet_seconds: float) -> list[bytes]:
    """Send each message and collect what comes until the server closes, or all of them are quiet for so long."""
    received: list[bytes] = []
    for start in range(0, len(messages), AT_ONCE):
        received += _batch(port, messages[start : start + AT_ONCE], quiet_seconds)
    return received


def _batch(port: int, messages: Sequence[bytes], quiet_seconds: float) -> list[bytes]:
    received = [b""] * len(messages)
    with selectors.DefaultSelector() as selector:
        for index, message in enumerate(messages):
            sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
            sock.sendall(message)
            sock.setblocking(False)
            selector.register(sock, selectors.EVENT_READ, index)
        patience = time.monotonic() + PATIENCE_SECONDS
        while selector.get_map() and time.monotonic() < patience and (ready := selector.select(quiet_seconds)):
            for key, _ in ready:
                assert isinstance(key.fileobj, socket.socket)
                data = _receive(key.fileobj)
                received[key.data] += data
                if not data:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
        for key in list(selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()
    return received


def _receive(sock: socket.socket) -> bytes:
    try:
        return sock.recv(262_144)
    except ConnectionError:
        return b""
