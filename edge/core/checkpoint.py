"""Checkpoints: signed statements of where all chains ended at one moment, to be kept where the books are not.

Rules of this file:

- a checkpoint is a compact JWS of a type of its own (``edge.core.jws``); its hash is the SHA-256 of that text, so
  that ``sha256sum`` can follow the chain of checkpoints, from zeros on;
- it lists the head of every writer that could still write, and of each that ended since the checkpoint before. A
  writer that was listed as ended cannot write any more: it stays in the digest over all heads and is not listed
  again, so that a checkpoint does not grow with the age of the books;
- balances are in it as a digest and as sums per currency: they change with entries only, so that a later reader can
  take the entries since off again and must come to the same digest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.core.chain import GENESIS, Head, heads_digest
from edge.core.jws import JwsFault, open_compact, read_unverified, sign_compact, time_micros, time_text
from edge.core.keys import PublicKey

CHECKPOINT_TYPE = "farebox-checkpoint+jws"
CHECKPOINT_CHARACTERS_MAX = 16_777_216
_BALANCES_PURPOSE = b"farebox balances 1\n"

Totals = Mapping[str, Mapping[str, int]]
"""Sums of balances in micro-units, by currency and then by kind of owner."""


@dataclass(frozen=True, slots=True)
class WriterEnd:
    """Where a writer's chain ends, and whether that writer is closed, so that it can never go on."""

    head: Head
    ended: bool


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What was true of the books at one moment.

    ``previous`` is the hash of the checkpoint before, zeros for the first; ``writers`` counts all writers, numbered
    from 1; ``ends`` are those that are listed, by number; both digests are hexadecimal.
    """

    issuer: str
    number: int
    made_at_micros: int
    previous: bytes
    writers: int
    ends: tuple[WriterEnd, ...]
    heads_digest: str
    balances_digest: str
    totals: Totals

    @property
    def heads(self) -> tuple[Head, ...]:
        """The heads that are listed."""
        return tuple(end.head for end in self.ends)

    def all_heads(self, known: Mapping[int, Head]) -> list[Head] | None:
        """Every writer's head at that moment; those not listed are looked up in ``known``, None if one is not there."""
        heads = {head.writer: head for head in self.heads}
        for writer in range(1, self.writers + 1):
            if writer not in heads:
                if writer not in known:
                    return None
                heads[writer] = known[writer]
        return list(heads.values())


_SENTENCES: Mapping[JwsFault, str] = {
    JwsFault.UNREADABLE: "was changed: it is no signed text",
    JwsFault.WRONG_TYPE: "was changed: it is a signed text of another type",
    JwsFault.UNKNOWN_KEY: "is signed with a key that is not in the key set",
    JwsFault.BAD_SIGNATURE: "was changed: the signature does not match",
    JwsFault.BAD_CLAIMS: "is signed but does not state where the chains ended",
}


def checkpoint_sentence(fault: JwsFault) -> str:
    """What is wrong with a checkpoint, as the end of a sentence that begins with its name."""
    return _SENTENCES[fault]


def next_checkpoint(
    issuer: str,
    before: Checkpoint | None,
    before_hash: bytes,
    ends: Sequence[WriterEnd],
    balances: str,
    totals: Totals,
    now_micros: int,
) -> Checkpoint:
    """State where all chains end now; ``ends`` are all writers', ``before_hash`` zeros when ``before`` is None."""
    told: set[int] = set()
    if before is not None:
        listed = {end.head.writer for end in before.ends}
        told = {writer for writer in range(1, before.writers + 1) if writer not in listed}
        told |= {end.head.writer for end in before.ends if end.ended}
    return Checkpoint(
        issuer=issuer,
        number=1 if before is None else before.number + 1,
        made_at_micros=now_micros,
        previous=before_hash,
        writers=len(ends),
        ends=tuple(end for end in ends if end.head.writer not in told),
        heads_digest=heads_digest(end.head for end in ends),
        balances_digest=balances,
        totals=totals,
    )


def fault_between(before: Checkpoint | None, before_hash: bytes, after: Checkpoint) -> str | None:
    """Say why ``after`` cannot be the checkpoint that follows ``before``; None when it can."""
    number = 0 if before is None else before.number
    if after.number != number + 1:
        return f"does not follow checkpoint {number}"
    if after.previous != before_hash:
        return f"does not continue checkpoint {number}: one of them was changed or replaced"
    if before is None:
        return None
    reached = {head.writer: head for head in before.heads}
    for head in after.heads:
        earlier = reached.get(head.writer)
        if earlier is not None and (head.batch, head.entry) < (earlier.batch, earlier.entry):
            return f"lists writer {head.writer} at batch {head.batch}, after batch {earlier.batch} had been reached"
    return None


def balances_digest(balances: Iterable[tuple[int, str, int]]) -> str:
    """Digest (account id, currency, micro-units) in order of id; accounts that hold nothing do not count."""
    digest = sha256(_BALANCES_PURPOSE)
    for account, currency, amount_micros in sorted(balances):
        if amount_micros:
            digest.update(f"{account} {currency} {amount_micros}\n".encode())
    return digest.hexdigest()


def sign_checkpoint(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> str:
    """The checkpoint as a compact JWS."""
    return sign_compact(CHECKPOINT_TYPE, checkpoint_claims(checkpoint), key)


def checkpoint_hash(token: str) -> bytes:
    """The hash by which the next checkpoint names this one."""
    return sha256(token.encode()).digest()


def verify_checkpoint(token: str, keys: Mapping[str, PublicKey]) -> Checkpoint | JwsFault:
    """Check a compact JWS against the issuer's keys, by thumbprint, and read the checkpoint."""
    claims = open_compact(token, CHECKPOINT_TYPE, keys, CHECKPOINT_CHARACTERS_MAX)
    return claims if isinstance(claims, JwsFault) else _read_claims(claims)


def stated_number(token: str) -> int | None:
    """Which checkpoint a text says that it is, whoever signed it; None when it says nothing of the kind."""
    claims = read_unverified(token, CHECKPOINT_TYPE, CHECKPOINT_CHARACTERS_MAX)
    number = None if claims is None else claims.get("number")
    return number if type(number) is int and number > 0 else None


def checkpoint_claims(checkpoint: Checkpoint) -> dict[str, Any]:
    """The checkpoint's members; ``iss`` and ``iat`` as in RFC 7519, hashes in hexadecimal, amounts in micro-units."""
    return {
        "iss": f"farebox:{checkpoint.issuer}",
        "iat": checkpoint.made_at_micros // 1_000_000,
        "number": checkpoint.number,
        "made_at": time_text(checkpoint.made_at_micros),
        "previous": checkpoint.previous.hex(),
        "writers": checkpoint.writers,
        "heads": [_head_claims(end) for end in checkpoint.ends],
        "heads_digest": checkpoint.heads_digest,
        "balances_digest": checkpoint.balances_digest,
        "totals": {currency: dict(sums) for currency, sums in checkpoint.totals.items()},
    }


def _head_claims(end: WriterEnd) -> dict[str, Any]:
    head = end.head
    return {
        "writer": head.writer, "batch": head.batch, "entry": head.entry, "hash": head.hash.hex(), "ended": end.ended
    }  # fmt: skip


def _read_claims(claims: Mapping[str, Any]) -> Checkpoint | JwsFault:
    try:
        checkpoint = Checkpoint(
            issuer=claims["iss"].removeprefix("farebox:"),
            number=claims["number"],
            made_at_micros=time_micros(claims["made_at"]),
            previous=bytes.fromhex(claims["previous"]),
            writers=claims["writers"],
            ends=tuple(_read_end(one) for one in claims["heads"]),
            heads_digest=claims["heads_digest"],
            balances_digest=claims["balances_digest"],
            totals=claims["totals"],
        )
        numbers = [checkpoint.number, checkpoint.writers]
        numbers += [number for head in checkpoint.heads for number in (head.writer, head.batch, head.entry)]
        hashes = [checkpoint.previous, *(head.hash for head in checkpoint.heads)]
        sound = all(type(one) is int and one >= 0 for one in numbers) and all(
            len(one) == len(GENESIS) for one in hashes
        )
        # Nothing but what we write ourselves: a member too many, or a time that contradicts its text, is refused.
        sound = sound and checkpoint_claims(checkpoint) == dict(claims)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        return JwsFault.BAD_CLAIMS
    return checkpoint if sound else JwsFault.BAD_CLAIMS


def _read_end(claims: Mapping[str, Any]) -> WriterEnd:
    head = Head(claims["writer"], claims["batch"], claims["entry"], bytes.fromhex(claims["hash"]))
    return WriterEnd(head, claims["ended"])
