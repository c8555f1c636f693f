"""The receipt of a charge by its id: read from the ledger, signed with our newest key.

Only what was paid has a receipt: a hold that is open or was given back is no charge. A charge that was reversed keeps
its receipt, which then says so.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from edge.core.ledger import Entry, charge_id, key_of_charge_id
from edge.core.ledger_state import ChargeState, Phase, fold_charge
from edge.core.money import Money
from edge.core.receipts import Receipt, ReceiptState, sign_receipt
from edge.store.batch_reading import entry_of, read_charges
from edge.store.database import Database
from edge.store.service_keys import ServiceKeys
from edge.store.tables import crawler, entry, site

_STATES = {
    Phase.LIVE: ReceiptState.CHARGED,
    Phase.SUSPENDED: ReceiptState.SUSPENDED,
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


def receipt_at(connection: Connection, operator: str, charge: str, writer: int, number: int) -> Receipt | None:
    """What the ledger says of the purchase that one entry paid for; the charge may have been bought again since.

    None when that entry is no payment of this charge.
    """
    key = key_of_charge_id(charge)
    if key is None:
        return None
    rows = connection.execute(select(entry).where(entry.c.key == key).order_by(entry.c.attempt, entry.c.step))
    life = [entry_of(row) for row in rows]
    paid = [one for one in life if (one.writer, one.number) == (writer, number)]
    if not paid:
        return None
    state = fold_charge(one for one in life if one.attempt <= paid[0].attempt)
    if state is None or state.payment != paid[0] or state.phase not in _STATES:
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
