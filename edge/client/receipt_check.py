"""Receipts: fetched from the site, checked against its published keys and against our own books, and kept.

Rules of this file
- A receipt counts when its signature holds and it says what we know: this charge, this page, this amount, this agent.
- One that does not is kept with its fault and reported; one that is not to be had is asked for again next time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from edge.client.advice import receipt_url
from edge.client.answers import Answer
from edge.client.fetching import Conversation
from edge.client.flow import Send
from edge.client.spend_rows import Purchase
from edge.client.wallet import Wallet
from edge.core.directory import parse_directory
from edge.core.jws import JwsFault
from edge.core.keys import PublicKey
from edge.core.receipts import Receipt, ReceiptState, receipt_sentence, verify_receipt
from edge.core.signature_agent import normalise_agent_url

KEYS_PATH = "/.well-known/farebox/jwks.json"


@dataclass(frozen=True, slots=True)
class ReceiptProblem:
    """A charge whose receipt is not to be had, or does not hold."""

    url: str
    charge_id: str | None
    says: str


def collect_receipts(wallet: Wallet) -> Conversation[list[ReceiptProblem]]:
    """Fetch and check the receipt of every charge that has none yet; returns what is wrong."""
    problems: list[ReceiptProblem] = []
    keys: dict[str, dict[str, PublicKey]] = {}
    for purchase in list(wallet.store.purchases("state = 'settled' AND receipt IS NULL AND charged_micros > 0")):
        where = receipt_url(purchase.url, purchase.charge_id)
        if where is None:
            problems.append(ReceiptProblem(purchase.url, purchase.charge_id, "the answer named no receipt"))
            continue
        came = yield Send(where, ())
        if not isinstance(came, Answer) or came.status != 200:
            says = f"its address answered {came.status}" if isinstance(came, Answer) else "its address does not answer"
            problems.append(ReceiptProblem(purchase.url, purchase.charge_id, f"the receipt is not to be had: {says}"))
            continue
        site = urlsplit(purchase.url).netloc
        if site not in keys:
            keys[site] = yield from _keys_of(purchase.url)
        text = came.body.decode("utf-8", "replace").strip()
        fault = _fault(wallet, purchase, text, keys[site])
        wallet.store.keep_receipt(purchase.id, text, fault)
        if fault is not None:
            problems.append(ReceiptProblem(purchase.url, purchase.charge_id, fault))
    return problems


def _keys_of(url: str) -> Conversation[dict[str, PublicKey]]:
    came = yield Send(urljoin(url, KEYS_PATH), ())
    found = parse_directory(came.body) if isinstance(came, Answer) and came.status == 200 else ()
    return {key.thumbprint: key for key in found} if isinstance(found, tuple) else {}


def _fault(wallet: Wallet, purchase: Purchase, text: str, keys: Mapping[str, PublicKey]) -> str | None:
    receipt = verify_receipt(text, keys)
    if isinstance(receipt, JwsFault):
        return receipt_sentence(receipt)
    return _difference(receipt, purchase, wallet.identity.agent)


def _difference(receipt: Receipt, purchase: Purchase, agent: str | None) -> str | None:
    """What a good receipt says that is not what we know."""
    parts = urlsplit(purchase.url)
    target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    ours = None if agent is None else normalise_agent_url(agent, allow_loopback_http=True)
    if receipt.charge_id != purchase.charge_id:
        return f"The receipt is for another charge: {receipt.charge_id}."
    if receipt.target != target or receipt.site.partition(":")[0] != (parts.hostname or ""):
        return f"The receipt is for another page: {receipt.site}{receipt.target}."
    if receipt.price != purchase.charged:
        return f"The receipt says {receipt.price}, the answer said {purchase.charged}."
    if ours is not None and receipt.agent_url != ours:
        return f"The receipt is made out to another agent: {receipt.agent_url}."
    if receipt.state is not ReceiptState.CHARGED:
        return f"The receipt says that the charge is {receipt.state}; it is not owed."
    return None
