"""``farebox receipt``: show a charge's signed receipt, and check one that somebody holds."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from edge.cli.charges import charge_id_of
from edge.cli.key_sets import read_key_set
from edge.cli.nouns import noun
from edge.cli.terminal import CommandFailed, JsonFlag, say, show_fields, show_json
from edge.cli.workplace import opened, settings_here
from edge.core.jws import JwsFault
from edge.core.keys import PublicKey
from edge.core.ledger import key_of_charge_id
from edge.core.receipts import Receipt, ReceiptState, receipt_claims, receipt_sentence, sign_receipt, verify_receipt
from edge.settings import Settings
from edge.store.problems import UnknownName
from edge.store.receipts import read_receipt, receipt_at
from edge.store.service_keys import load_service_keys

app = noun("Receipts: show a charge's, and check one that somebody holds.")


@app.command("show", epilog="Example: farebox receipt show ch_0123456789abcdef0123456789abcdef")
def show(
    charge: Annotated[str, typer.Argument(help="The charge id: ch_ and 32 digits.")],
    token: Annotated[bool, typer.Option("--token", help="Print only the signed text, to keep or send.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Show the receipt of a charge and its signed text (JWS)."""
    settings = settings_here()
    receipt = _ledger_receipt(settings, charge_id_of(charge))
    signed = sign_receipt(receipt, load_service_keys(settings.data_dir).current.private)
    if token:
        say(signed)
    elif as_json:
        show_json({"receipt": signed, "claims": receipt_claims(receipt)})
    else:
        show_fields(_readable(receipt), as_json=False)
        say(signed)


@app.command("verify", epilog="Example: farebox receipt verify receipt.jws --keys jwks.json")
def verify(
    what: Annotated[str, typer.Argument(help="A file with a receipt, '-' for standard input, or a charge id.")],
    keys: Annotated[
        str | None, typer.Option(help="The issuer's published key set, a file or URL; then no ledger is asked.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Check a receipt's signature and, with our own keys, that the ledger says the same."""
    settings = settings_here()
    if key_of_charge_id(what) is not None:
        receipt, says = _ledger_receipt(settings, what), "the ledger holds this charge"
    elif keys is not None:
        receipt, says = _checked(_read(what), read_key_set(keys)), "the signature is good"
    else:
        receipt = _checked(_read(what), load_service_keys(settings.data_dir).by_thumbprint)
        says = _compare(settings, receipt)
    if as_json:
        show_json({"ok": True, "says": says, "claims": receipt_claims(receipt)})
    else:
        show_fields(_readable(receipt), as_json=False)
        say(says)


def _ledger_receipt(settings: Settings, charge: str) -> Receipt:
    with opened(settings) as database, database.read() as connection:
        receipt = read_receipt(connection, settings.operator, charge)
    if receipt is None:
        raise UnknownName(f"the ledger holds no paid charge {charge}; `farebox charges` lists them", "charge")
    return receipt


def _checked(text: str, keys: dict[str, PublicKey]) -> Receipt:
    receipt = verify_receipt(text, keys)
    if isinstance(receipt, JwsFault):
        newer = " unless the newest key set of its site verifies it" if receipt is JwsFault.UNKNOWN_KEY else ""
        raise CommandFailed(f"{receipt_sentence(receipt).rstrip('.')}; do not accept it{newer}")
    return receipt


def _compare(settings: Settings, held: Receipt) -> str:
    """Hold a receipt against the very entry that it names: the same charge may have been bought again since."""
    latest = _ledger_receipt(settings, held.charge_id)
    with opened(settings) as database, database.read() as connection:
        ours = receipt_at(connection, settings.operator, held.charge_id, held.writer, held.entry)
    if held == ours:
        says = "the signature is good and the ledger says the same"
    elif ours == replace(held, state=ReceiptState.REVERSED):
        says = "the signature is good; the charge was reversed since"
    else:
        raise CommandFailed("the signature is good but the ledger says otherwise; run `farebox verify`")
    again = (latest.writer, latest.entry) != (held.writer, held.entry)
    return f"{says}, and bought again" if again else says


def _read(what: str) -> str:
    if what == "-":
        return sys.stdin.read()
    try:
        return Path(what).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as why:
        raise CommandFailed(f"the receipt file {what} cannot be read ({why}); check its path") from why


def _readable(receipt: Receipt) -> dict[str, Any]:
    claims = receipt_claims(receipt)
    return {name: claims[name] for name in claims if name not in ("iat", "amount_micros", "currency")}
