"""Who a crawler is: its key, and the URL under which the key is published.

Rules of this file: the key file is made readable by its owner only, and never overwritten; every request gets a nonce
and a time of its own; a paying signature covers the method, the whole address, the agent and the price, so that it
buys nothing but what was meant.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.core.errors import EdgeError
from edge.core.keys import new_private_key, private_key_from_pem, private_key_to_pem, thumbprint_of
from edge.core.message import Request
from edge.core.request_signing import Dialect, sign_request
from edge.core.signature_agent import AgentRef, agent_reference
from edge.core.signature_faults import Flaw
from edge.core.terms import Offer

SIGNATURE_SECONDS = 60
PAYING_SECONDS = 300
"""How long the spend store's signatures hold: a crawler that died may ask again for what it paid with the same one."""
NONCE_BYTES = 32
COVERED = ("@method", "@authority", "@target-uri", "signature-agent")


class IdentityProblem(EdgeError):
    """A key file or agent URL that cannot be used; the text says what to do."""


def make_key_file(path: Path) -> Ed25519PrivateKey:
    """Make a key and write it where no file is yet, readable by its owner only. Raises ``IdentityProblem``."""
    key = new_private_key()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as why:
        raise IdentityProblem(f"{path} exists already and is kept; give another name to --out.") from why
    except OSError as why:
        raise IdentityProblem(f"{path} cannot be written ({why.strerror}); give another place to --out.") from why
    with os.fdopen(handle, "wb") as file:
        file.write(private_key_to_pem(key))
    return key


def load_key(path: Path) -> Ed25519PrivateKey:
    """Read a key file. Raises ``IdentityProblem``."""
    try:
        return private_key_from_pem(path.read_bytes())
    except OSError as why:
        raise IdentityProblem(
            f"{path} cannot be read ({why.strerror}); make a key with: farebox-crawl keygen --out {path}"
        ) from why
    except ValueError as why:
        raise IdentityProblem(
            f"{path} holds no Ed25519 key in PKCS8 PEM form; farebox-crawl keygen makes one."
        ) from why


def check_agent(agent: str) -> AgentRef:
    """Where an agent's keys have to be published; plain http is for loopback. Raises ``IdentityProblem``."""
    reference = agent_reference(agent, allow_loopback_http=True)
    if isinstance(reference, Flaw):
        raise IdentityProblem(f"{agent!r} cannot be an agent: {reference.fault.sentence}")
    return reference


@dataclass(frozen=True, slots=True)
class Identity:
    """A crawler that can sign. ``agent`` is a host such as ``https://bot.example``, or the URL of its key set.

    ``dialect`` is the spelling of Signature-Agent (``edge.core.signature_agent``). An agent on this machine's loopback
    may be plain http; whether that is accepted is the edge's choice. Raises ``IdentityProblem`` for another agent URL.
    """

    key: Ed25519PrivateKey = field(repr=False)
    agent: str
    dialect: Dialect = "B"
    thumbprint: str = field(init=False)

    def __post_init__(self) -> None:
        check_agent(self.agent)
        object.__setattr__(self, "thumbprint", thumbprint_of(self.key))

    @classmethod
    def load(cls, path: Path | str, agent: str, dialect: Dialect = "B") -> Identity:
        """An identity from a key file of ``farebox-crawl keygen``. Raises ``IdentityProblem``."""
        return cls(load_key(Path(path)), agent, dialect)

    @property
    def paying_seconds(self) -> int:
        """How long the signature of a purchase holds: the longest that an edge takes."""
        return PAYING_SECONDS

    def speaks_to(self, url: str) -> bool:
        """A signature may go anywhere: it is good for the one request that it was made for."""
        return True

    def kept(self, headers: Mapping[str, str]) -> dict[str, str]:
        """What may be written down of a request's headers: all, so that it can be sent again as it was."""
        return dict(headers)

    def completed(self, url: str, headers: Mapping[str, str]) -> dict[str, str]:
        """A request that was written down, as it is sent again."""
        return dict(headers)

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
        seconds: int = SIGNATURE_SECONDS,
    ) -> dict[str, str]:
        """All headers of a signed request: those given, the offer and the signature. ``now`` is in Unix seconds.

        ``also`` are components to cover beside the usual ones, ``seconds`` is how long the signature holds. Raises
        ``ValueError`` for a URL that cannot be signed.
        """
        offered = {offer.kind.value: str(offer.price)} if offer is not None else {}
        unsigned = {**headers, **offered}
        created = int(now)
        signature = sign_request(
            Request.from_parts(method, url, unsigned.items()),
            self.key,
            self.agent,
            (*COVERED, *offered, *also),
            created,
            created + seconds,
            nonce,
            self.dialect,
            keyid=self.thumbprint,
            allow_loopback_http=True,
        )
        return {**unsigned, **signature}


def nonce_from(random_bytes: bytes) -> str:
    """A nonce as the drafts write it: base64url without padding."""
    return base64.urlsafe_b64encode(random_bytes).rstrip(b"=").decode("ascii")
