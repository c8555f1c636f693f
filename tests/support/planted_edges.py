"""Edges with a bug planted in them, each the mistake that a harness must find or it proves nothing.

They are wired here, for tests alone, from the product's own parts with one of them replaced; the product has no switch
that could turn one on.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from sqlalchemy import Connection

from edge.core.decision import Charge
from edge.core.errors import EdgeError
from edge.core.ledger import ChargeOrder, Held, Posted, Redelivery, charge_id
from edge.core.ledger_operations import Operation
from edge.core.ledger_plan import can_assume
from edge.core.policy import Policy
from edge.core.request import CrawlRequest
from edge.core.target import Target
from edge.proxy.app import Edge, build_edge
from edge.proxy.forwarding import Header, client_headers, paid_headers
from edge.proxy.protocol import protocol_factory
from edge.proxy.read_request import BadRequest, RequestReader
from edge.proxy.relay import Exchange
from edge.proxy.sale import Refusal, Sale, SaleEnd
from edge.proxy.server import Listener, listen, run_listeners
from edge.proxy.upstream import OriginAnswer
from edge.settings import load_settings
from edge.store.batch_writer import Answer, BatchWriter
from edge.store.charges import Ledger
from edge.store.database import Database
from edge.store.group_commit import GroupCommit
from edge.store.recovery import recover
from edge.store.service_keys import load_service_keys


class ChargesAfterSending(Sale):
    """The oldest mistake: the page first, the money afterwards."""

    async def _sell_whole(
        self, charge: Charge, order: ChargeOrder, answer: OriginAnswer, body: bytes, exchange: Exchange
    ) -> Refusal | SaleEnd:
        promised = Posted(charge_id(order.key), order.price, 0, 0, True)
        headers = paid_headers(_headers(answer, exchange), str(promised.amount).encode(), promised.charge_id.encode())
        await exchange.whole(answer.status, headers, body)
        posted = await self.ledger.post(order)
        if isinstance(posted, Posted):
            self.deliveries.watch(exchange, order.key, posted)
        return SaleEnd.CHARGED


class KeepsNothingBack(Sale):
    """The hold is there, but the whole page leaves before it is settled."""

    async def _sell_streamed(
        self, charge: Charge, order: ChargeOrder, answer: OriginAnswer, beginning: list[bytes], exchange: Exchange
    ) -> Refusal | SaleEnd:
        outcome = await self.ledger.hold(order)
        assert isinstance(outcome, Held | Posted)
        headers = paid_headers(_headers(answer, exchange), str(outcome.amount).encode(), outcome.charge_id.encode())
        if answer.length is not None:
            headers.append((b"content-length", str(answer.length).encode()))
        await exchange.start(answer.status, headers)
        for piece in beginning:
            await exchange.body(piece, last=False)
        async for piece in answer.chunks():
            await exchange.body(piece, last=False)
        await exchange.body(b"", last=True)
        final = await self.ledger.settle(outcome) if isinstance(outcome, Held) else outcome
        if isinstance(final, Posted):
            self.deliveries.watch(exchange, order.key, final)
        return SaleEnd.CHARGED


class VoidsUncounted(Sale):
    """What a client leaves of a large page goes back, however often it does that."""

    async def _give_up(self, outcome: Held | Posted | Redelivery, order: ChargeOrder, *, left: bool) -> None:
        await super()._give_up(outcome, order, left=False)


def _headers(answer: OriginAnswer, exchange: Exchange) -> list[Header]:
    return client_headers(answer.headers, exchange.request.request_id)


class NeverLooks(BatchWriter):
    """Writes what its orders would be if nobody had sent them before, and leaves finding out to the database."""

    _is_first_try = True

    def write(self, operations: Sequence[Operation]) -> list[Answer]:
        self._is_first_try = True
        return super().write(operations)

    def _transact(self, connection: Connection, operations: Sequence[Operation], planned: bool) -> list[Answer]:
        blindly = self._is_first_try and all(map(can_assume, operations))
        self._is_first_try = False
        return super()._transact(connection, operations, planned and not blindly)


class PricesTheDecodedPath(RequestReader):
    """Rules see the decoded path, the origin gets the address as it came."""

    def read(self, scope: MutableMapping[str, Any], policy: Policy) -> CrawlRequest | BadRequest:
        request = super().read(scope, policy)
        if isinstance(request, BadRequest):
            return request
        decoded = unquote(request.path)
        return replace(request, resource=Target(decoded, request.query, request.target, exact=True, ambiguity=None))


SALES: Mapping[str, type[Sale]] = {
    "charge after send": ChargesAfterSending,
    "no kept-back tail": KeepsNothingBack,
    "voids are not counted": VoidsUncounted,
}
WRITERS: Mapping[str, type[BatchWriter]] = {"never looks": NeverLooks}


def serve(plant: str) -> None:
    """Serve as ``edge.cli.serve`` does for ``--only edge``, with the planted part in its place."""
    settings = load_settings(os.environ, Path.cwd())
    edge_socket = listen(settings.edge_bind, "the test")
    database = Database.open(settings.database_url, serving=True)
    ledger = _ledger(database, WRITERS.get(plant, BatchWriter))
    try:
        edge = _planted(build_edge(settings, database, ledger, load_service_keys(settings.data_dir)), plant)
        run_listeners([Listener("edge", edge.gate, edge_socket, edge.protocol)], edge, settings)
    finally:
        ledger.close()
        database.close()


def _ledger(database: Database, kind: type[BatchWriter]) -> Ledger:
    writer = kind(database, "planted")
    recover(database, writer, alone=database.is_sqlite)
    return Ledger(GroupCommit(writer, lambda: None, _report))


def _planted(edge: Edge, plant: str) -> Edge:
    kind = SALES.get(plant, Sale)
    parts = {part.name: getattr(edge.gate.sale, part.name) for part in fields(Sale)}
    reader = PricesTheDecodedPath("planted") if plant == "price on the decoded path" else edge.gate.reader
    gate = replace(edge.gate, sale=kind(**parts), reader=reader)
    return replace(edge, gate=gate, protocol=protocol_factory(edge.watchman, gate.answer_at_once, gate.answer_bad))


def _report(error: EdgeError) -> None:
    print(f"the ledger of a planted edge: {error}")
