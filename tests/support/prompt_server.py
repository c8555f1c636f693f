"""uvicorn as the edge under test runs it: ends at once when it is told to."""

from __future__ import annotations

import asyncio
import socket

import uvicorn

from edge.proxy.gate import Gate
from edge.proxy.server import QuietServer


class PromptServer(QuietServer):
    """Ends at once when it is told to: its connections are cut by then, so there is nothing to wait for."""

    def __init__(self, config: uvicorn.Config, stop: asyncio.Event) -> None:
        super().__init__(config)
        self._stop = stop

    async def main_loop(self) -> None:
        await self.on_tick(0)  # fills in the date that every answer carries
        await self._stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for sock in sockets or ():
            sock.close()


def edge_config(gate: Gate, protocol: type[asyncio.Protocol], keep_alive_seconds: int) -> uvicorn.Config:
    """As ``edge.proxy.server`` runs it."""
    return uvicorn.Config(
        gate,
        http=protocol,
        loop="uvloop",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=keep_alive_seconds,
    )
