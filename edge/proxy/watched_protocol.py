"""uvicorn's HTTP protocol as one of a port's connections: counted, watched, and with evidence of what has arrived.

What both kinds of port have in common; ``protocol`` is the edge's own, ``guarded_protocol`` that of the other ports.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from edge.proxy.counting_transport import CountingTransport
from edge.proxy.delivery import DeliveryWatch, own_view
from edge.proxy.transfer_rates import ClientPace
from edge.proxy.watchman import Watchman


class WatchedProtocol(HttpToolsProtocol):
    """One connection. ``content_received`` counts the bytes of requests' content."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        watchman: Watchman[Any],
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._watchman = watchman
        self._place: str
        self._evidence: socket.socket | None = None
        self._counted: CountingTransport
        self._pace = ClientPace()
        self.deliveries: DeliveryWatch
        self.content_received = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        place = self._watchman.room.enter(transport, self.loop.time())
        if place is None:
            return  # turned away: the transport has another protocol now
        self._place = place
        self._evidence = own_view(transport.get_extra_info("socket"))
        self._counted = counted = CountingTransport(transport, self._evidence, self._closing(transport))
        super().connection_made(counted)  # type: ignore[arg-type]
        self.deliveries = counted.deliveries
        self._begin()
        self._watchman.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._watchman.connections.discard(self)
        self._watchman.room.leave(self._place)
        self.deliveries.close()
        if self._evidence is not None:
            self._evidence.detach()  # the descriptor is the transport's to close
        super().connection_lost(exc)

    def unsent(self) -> int:
        """Bytes that wait in our own buffer."""
        return self._counted.unsent()

    def _closing(self, transport: asyncio.Transport) -> Callable[[], None]:
        """What closes the connection in an orderly way."""
        return transport.close

    def _begin(self) -> None:
        """The connection is there, and nothing has been read."""
