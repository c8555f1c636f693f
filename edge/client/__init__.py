"""The crawler's side: ask for a price, pay for a page, keep the evidence. Starts without the server's libraries.

What is named here is the public interface. It is loaded when it is first used, so that importing this costs nothing.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # what typing's own is to a type checker; loading typing would be most of the cost
if TYPE_CHECKING:
    from edge.client.fake_edge import FakeEdge as FakeEdge
    from edge.client.identity import Identity as Identity
    from edge.client.paid_client import AsyncPaidClient as AsyncPaidClient
    from edge.client.paid_client import PaidClient as PaidClient
    from edge.client.spend_policy import SpendPolicy as SpendPolicy
    from edge.client.spend_store import SpendStore as SpendStore
    from edge.client.token_identity import TokenIdentity as TokenIdentity
    from edge.client.wallet import Wallet as Wallet

_HOMES = {
    "FakeEdge": "edge.client.fake_edge",
    "Identity": "edge.client.identity",
    "SpendPolicy": "edge.client.spend_policy",
    "SpendStore": "edge.client.spend_store",
    "TokenIdentity": "edge.client.token_identity",
    "Wallet": "edge.client.wallet",
    "PaidClient": "edge.client.paid_client",
    "AsyncPaidClient": "edge.client.paid_client",
}

__all__ = [
    *("AsyncPaidClient", "FakeEdge", "Identity", "PaidClient", "SpendPolicy", "SpendStore", "TokenIdentity", "Wallet"),
]


def __getattr__(name: str) -> object:
    """Load a public name from its home (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)
