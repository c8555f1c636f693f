"""A crawler that does not sign yet: an API token that the operator gave it, and the hosts that it was given for.

Rules of this file
- A token is money: who reads it can spend. It goes to the hosts that are named and to no other, over https, or to this
  machine; a redirect elsewhere finds a request without it.
- It is written nowhere: what the spend store keeps of a request is the request without it.
- A purchase is named by ``Idempotency-Key`` (docs/protocol.md, "Paying with a token"): the same one again is the same
  charge, with a newer token of the same crawler too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from edge.client.identity import IdentityProblem, check_agent
from edge.client.loopback import is_loopback
from edge.core.api_token import IDEMPOTENCY_SECONDS, read_token
from edge.core.terms import Offer

AUTHORIZATION = "authorization"
IDEMPOTENCY_KEY = "idempotency-key"
MARGIN_SECONDS = 3600
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class TokenIdentity:
    """Who sends a token. ``hosts`` are those that it is for, exactly: ``news.example``, or ``news.example:8443``.

    ``agent`` is your agent's URL, where you have one: receipts are then held against it. Raises ``IdentityProblem``
    for what is no token, and without a host.
    """

    token: str = field(repr=False)
    hosts: Iterable[str]
    agent: str | None = None

    def __post_init__(self) -> None:
        if read_token(f"Bearer {self.token}") is None:
            raise IdentityProblem("this is no API token of an edge; one begins with farebox_")
        names = tuple(name.lower() for name in ((self.hosts,) if isinstance(self.hosts, str) else self.hosts))
        if not names or any(not name or set(name) & set("/*@ ") for name in names):
            raise IdentityProblem("a token needs the hosts that it is for, such as ['news.example']")
        if self.agent is not None:
            check_agent(self.agent)
        object.__setattr__(self, "hosts", names)

    @classmethod
    def load(cls, path: Path | str, hosts: Iterable[str], agent: str | None = None) -> TokenIdentity:
        """An identity from a file that holds the token and nothing else. Raises ``IdentityProblem``."""
        try:
            text = Path(path).read_text("ascii").strip()
        except (OSError, UnicodeError) as why:
            raise IdentityProblem(f"{path} cannot be read; it should hold the token alone") from why
        return cls(text, hosts, agent)

    @property
    def paying_seconds(self) -> int:
        """How long one purchase may be asked for again with the same key; well within what edges promise."""
        return IDEMPOTENCY_SECONDS - MARGIN_SECONDS

    def speaks_to(self, url: str) -> bool:
        """Whether the token may go there."""
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        if parts.scheme not in _DEFAULT_PORTS or (parts.scheme == "http" and not is_loopback(host)):
            return False
        bracketed = f"[{host}]" if ":" in host else host
        is_default = parts.port in (None, _DEFAULT_PORTS[parts.scheme])
        return (bracketed if is_default else f"{bracketed}:{parts.port}") in tuple(self.hosts)

    def sign(
        self,
        url: str,
        headers: Mapping[str, str],
        offer: Offer | None,
        now: float,
        nonce: str,
        *,
        method: str = "GET",
        also: Sequence[str] = (),
        seconds: int = 0,
    ) -> dict[str, str]:
        """All headers of a request: those given, the offer, the token, and ``nonce`` as the name of the purchase.

        The same call as ``Identity.sign``; time, method and components are nothing to a token. Raises ``ValueError``
        for a host that it is not for.
        """
        if not self.speaks_to(url):
            raise ValueError(f"the token is not for {urlsplit(url).netloc}.")
        offered = {offer.kind.value: str(offer.price)} if offer is not None else {}
        return {**headers, **offered, IDEMPOTENCY_KEY: nonce, AUTHORIZATION: f"Bearer {self.token}"}

    def kept(self, headers: Mapping[str, str]) -> dict[str, str]:
        """What may be written down of a request's headers: all but the token."""
        return {name: value for name, value in headers.items() if name != AUTHORIZATION}

    def completed(self, url: str, headers: Mapping[str, str]) -> dict[str, str]:
        """A request that was written down, with the token again; one that a signature made stays as it is."""
        if IDEMPOTENCY_KEY not in headers or not self.speaks_to(url):
            return dict(headers)
        return {**headers, AUTHORIZATION: f"Bearer {self.token}"}
