"""Passkeys (WebAuthn Level 3): what a device is asked to sign, and whether it did. The library is py_webauthn.

Rules of this file
- A passkey is asked for with the person's presence proven (user verification), so it is both factors at once.
- It is bound to the name of the dashboard: that of the public URL, or localhost. Browsers bind none to an address in
  digits, so there are no passkeys at http://127.0.0.1.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from ipaddress import ip_address

from starlette.requests import Request
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from edge.store.passkeys import Passkey
from edge.store.people import Person
from publisher_dashboard.browser_safety import Address, split

_CREDENTIAL_CHARACTERS_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Party:
    """Who asks: the name that keys are bound to, and the origin that the browser must name."""

    name: str
    origin: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page hands to the browser as JSON, and the challenge that has to come back signed."""

    options: str
    challenge: bytes


@dataclass(frozen=True, slots=True)
class NewKey:
    """A device's key that was checked."""

    credential_id: bytes
    public_key: bytes
    sign_count: int


def party(request: Request, address: Address) -> Party | None:
    """Who this dashboard is to a browser; None where browsers have no passkeys."""
    base = address.public_url or f"{request.url.scheme}://{request.headers.get('host', '')}"
    parts = split(base)
    name = parts.hostname or ""
    try:
        ip_address(name)
    except ValueError:
        return Party(name, f"{parts.scheme}://{parts.netloc}") if name else None
    return None


def ask_for_new_key(us: Party, who: Person, known: list[Passkey]) -> Asked:
    """Ask a device to make a key; one that has one already says so."""
    options = generate_registration_options(
        rp_id=us.name,
        rp_name="farebox",
        user_id=f"person {who.person_id}".encode(),
        user_name=who.email,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one.credential_id) for one in known],
    )
    return Asked(options_to_json(options), options.challenge)


def read_new_key(us: Party, challenge: bytes, credential: str) -> NewKey | None:
    """The key that a device made for this challenge; None when anything is not as asked."""
    if len(credential) > _CREDENTIAL_CHARACTERS_MAX:
        return None
    try:
        made = verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=us.name,
            expected_origin=us.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        return None
    return NewKey(made.credential_id, made.credential_public_key, made.sign_count)


def ask_for_a_signature(us: Party) -> Asked:
    """Ask any device that has a key for us to sign."""
    options = generate_authentication_options(rp_id=us.name, user_verification=UserVerificationRequirement.REQUIRED)
    return Asked(options_to_json(options), options.challenge)


def named_credential(credential: str) -> bytes | None:
    """The id of the key that an answer names."""
    if len(credential) > _CREDENTIAL_CHARACTERS_MAX:
        return None
    try:
        return base64url_to_bytes(str(json.loads(credential)["id"]))
    except (ValueError, KeyError, TypeError):
        return None


def read_signature(us: Party, challenge: bytes, credential: str, key: Passkey) -> int | None:
    """What the device's counter says when it signed this challenge with this key; None when it did not."""
    try:
        signed = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=us.name,
            expected_origin=us.origin,
            credential_public_key=key.public_key,
            credential_current_sign_count=key.sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        return None
    return signed.new_sign_count
