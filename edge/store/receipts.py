"""The receipt of a charge by its id: read from the ledger, signed with our newest key.

Only what was paid has a receipt: a hold that is open or was given back is no charge. A charge that was reversed keeps
its receipt, which then says so.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from edge.core.ledger import Entry, charge_id, key_of_charge_id
from edge.core.ledger_state import ChargeState, Phase
from edge.core.money import Money
from edge.core.receipts import Receipt, ReceiptState, sign_receipt
from edge.store.batch_reading import read_charges
from edge.store.database import Database
from edge.store.service_keys import ServiceKeys
from edge.store.tables import crawler, site

_STATES = {
    Phase.LIVE: ReceiptState.CHARGED,
    Phase.REVERSED: ReceiptState.REVERSED,
    Phase.REDELIVERED: ReceiptState.REVERSED,
}


def receipt_of(database: Database, keys: ServiceKeys, operator: str, charge: str) -> str | None:
    """The signed receipt of a charge id, as a compact JWS; None when there is no such charge."""
    with database.read() as connection:
        receipt = read_receipt(connection, operator, charge)
    return None if receipt is None else sign_receipt(receipt, keys.current.private)


def read_receipt(connection: Connection, operator: str, charge: str) -> Receipt | None:
    """What the ledger says of a charge id; ``operator`` is named as the issuer."""
    key = key_of_charge_id(charge)
    if key is None:
        return None
    state = read_charges(connection, {key})[key]
    if state is None or state.payment is None or state.phase not in _STATES:
        return None
    return _receipt(connection, operator, state, state.payment)


def _receipt(connection: Connection, operator: str, state: ChargeState, payment: Entry) -> Receipt:
    sold = state.opening
    payer = connection.execute(select(crawler).where(crawler.c.id == sold.crawler_id)).one()
    host = connection.execute(select(site.c.host).where(site.c.id == sold.site_id)).scalar_one()
    return Receipt(
        charge_id=charge_id(sold.key),
        charged_at_micros=payment.recorded_at_micros,
        issuer=operator,
        crawler=payer.name,
        agent_url=payer.agent_url,
        site=host,
        target=sold.target or "",
        rule=sold.rule or "",
        rule_version=sold.rule_version or 0,
        licence=sold.licence,
        offer=sold.offer or "",
        price=Money(payment.amount_micros, payment.currency),
        writer=payment.writer,
        entry=payment.number,
        state=_STATES[state.phase],
    )
