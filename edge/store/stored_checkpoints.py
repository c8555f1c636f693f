"""Believe a checkpoint, stored or kept, or say what is wrong with it by name."""

from __future__ import annotations

from collections.abc import Mapping

from edge.core.checkpoint import Checkpoint, checkpoint_hash, checkpoint_sentence, verify_checkpoint
from edge.core.jws import JwsFault
from edge.core.keys import PublicKey
from edge.store.checkpoints import CheckpointRow
from edge.store.faults import Fault, RowTypes
from edge.store.tables import checkpoint


class CheckpointReader:
    """Reads checkpoints that one of ``keys``, by thumbprint, has signed."""

    __slots__ = ("_keys", "_types")

    def __init__(self, keys: Mapping[str, PublicKey]) -> None:
        self._keys = keys
        self._types = RowTypes(checkpoint.columns)

    def token(self, token: str, place: str) -> Checkpoint | Fault:
        """Read a signed text, or say what is wrong with it, under the name of ``place``."""
        read = verify_checkpoint(token, self._keys)
        return Fault("I6", place, checkpoint_sentence(read)) if isinstance(read, JwsFault) else read

    def row(self, row: CheckpointRow) -> Checkpoint | Fault:
        """Read a stored row: what its columns say is what was signed."""
        place = f"checkpoint {row.number}"
        wrong = self._types.fault(row)
        if wrong is not None:
            return Fault("I6", place, wrong)
        read = self.token(row.token, place)
        if isinstance(read, Fault):
            return read
        said = (read.number, read.made_at_micros, checkpoint_hash(row.token))
        if (row.number, row.made_at_micros, row.hash) != said:
            return Fault("I6", place, "was changed: its columns are not what its signed text says")
        return read
