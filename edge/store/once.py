"""An act of a page that is done once: the form bears a key, and whoever writes it down first does the act.

Rules of this file
- Money that has a name of its own (a payment's reference, a charge that is given back) needs no key: the ledger
  decides.
- The key is taken in the transaction of the act where there is one. Where the act has its own, it is taken before: what
  fails is given back, and what dies in between was done at most once.
"""

from __future__ import annotations

import re
import secrets

from sqlalchemy import Connection, delete

from edge.store.insertion import insert_new
from edge.store.tables import done_act

KEPT_MICROS = 7 * 86_400_000_000
_KEY = re.compile(r"[A-Za-z0-9_-]{22}")


def new_key() -> str:
    """A key for a form, 128 random bits."""
    return secrets.token_urlsafe(16)


def take(connection: Connection, key: str, now_micros: int) -> bool:
    """Take a form's key; False when it was taken before, or is none."""
    if _KEY.fullmatch(key) is None:
        return False
    return insert_new(connection, done_act, {"key": key, "at_micros": now_micros})


def give_back(connection: Connection, key: str) -> None:
    """The act was refused: the same form may be sent again."""
    connection.execute(delete(done_act).where(done_act.c.key == key))
