"""Many raw messages at once, each on a connection of its own, and everything that came back."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Sequence

AT_ONCE = 200
PATIENCE_SECONDS = 60.0
QUIET_SECONDS = 0.05


def volley(port: int, messages: Sequence[bytes], when_quiet: Callable[[], None]) -> list[bytes]:
    """Send each message and collect what comes until the server has closed every connection, which it has to.

    ``when_quiet`` is called whenever nothing comes for a moment.
    """
    received: list[bytes] = []
    for start in range(0, len(messages), AT_ONCE):
        received += _batch(port, messages[start : start + AT_ONCE], when_quiet)
    return received


def _batch(port: int, messages: Sequence[bytes], when_quiet: Callable[[], None]) -> list[bytes]:
    received = [b""] * len(messages)
    with selectors.DefaultSelector() as selector:
        for index, message in enumerate(messages):
            sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
            sock.sendall(message)
            sock.setblocking(False)
            selector.register(sock, selectors.EVENT_READ, index)
        patience = time.monotonic() + PATIENCE_SECONDS
        while selector.get_map():
            ready = selector.select(QUIET_SECONDS)
            if not ready:
                assert time.monotonic() < patience, [messages[key.data] for key in selector.get_map().values()]
                when_quiet()
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
