"""The second step of signing in: apps, recovery codes, passkeys, and sign-ins that are half way through.

Rules of this file
- Nothing here opens anything by itself: of an app there is a salt, of codes and tokens hashes, of passkeys public keys.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, PrimaryKeyConstraint, String, Table, text

from edge.store.tables.metadata import metadata
from edge.store.tables.personal import Finds, OnErase, personal

_OWNER = personal(OnErase.DELETED, Finds.PERSON_ID)

code_app = Table(
    "code_app",
    metadata,
    Column(
        "person_id",
        ForeignKey("person.id"),
        primary_key=True,
        comment="whose app; one each",
        info=_OWNER,
    ),
    Column("salt", LargeBinary(16), nullable=False, comment="makes the secret, with the service key"),
    Column("key_thumbprint", String(64), nullable=False, comment="which service key"),
    Column("confirmed_at_micros", BigInteger, comment="when a first code was right; null: not asked for yet"),
    Column(
        "last_step", BigInteger, nullable=False, server_default=text("0"), comment="the newest used: each counts once"
    ),
)

recovery_code = Table(
    "recovery_code",
    metadata,
    Column("person_id", ForeignKey("person.id"), nullable=False, comment="whose", info=_OWNER),
    Column("code_hash", LargeBinary(32), nullable=False, comment="SHA-256 of the code; the row goes when it is used"),
    PrimaryKeyConstraint("person_id", "code_hash"),
)

passkey = Table(
    "passkey",
    metadata,
    Column("id", Integer, primary_key=True, comment="what pages call it by"),
    Column("person_id", ForeignKey("person.id"), nullable=False, index=True, comment="whose", info=_OWNER),
    Column("name", String(100), nullable=False, comment="what its owner calls it", info=personal(OnErase.DELETED)),
    Column("credential_id", LargeBinary(1023), nullable=False, unique=True, comment="what the device calls it"),
    Column("public_key", LargeBinary(2048), nullable=False, comment="COSE key that its signatures are checked with"),
    Column("sign_count", BigInteger, nullable=False, comment="as the device last said: a copy may count behind"),
    Column("created_at_micros", BigInteger, nullable=False, comment="for lists"),
    Column("used_at_micros", BigInteger, comment="when somebody signed in with it last"),
    sqlite_autoincrement=True,
)

sign_in_step = Table(
    "sign_in_step",
    metadata,
    Column("token_hash", LargeBinary(32), primary_key=True, comment="SHA-256 of what the form carries"),
    Column(
        "person_id",
        ForeignKey("person.id"),
        index=True,
        comment="whose password was right; null for a passkey",
        info=_OWNER,
    ),
    Column("challenge", LargeBinary(64), comment="what a passkey has to sign; null for a code"),
    Column("tries", Integer, nullable=False, comment="codes that were tried with it"),
    Column("expires_at_micros", BigInteger, nullable=False, index=True, comment="nobody goes on from it then"),
)
