"""The closed list of what can be wrong with a signature, each with one sentence: what failed, what would pass.

The spelling is stable: it goes into ``crawler-error-detail``, the log line and the metrics.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

MAX_DETAIL_LENGTH = 200


class SignatureFault(StrEnum):
    """Which check failed."""

    HALF_SIGNED = "half_signed"
    UNREADABLE = "unreadable"
    DUPLICATE_LABEL = "duplicate_label"
    DUPLICATE_PARAMETER = "duplicate_parameter"
    DUPLICATE_COMPONENT = "duplicate_component"
    TOO_MANY_LABELS = "too_many_labels"
    TOO_MANY_COMPONENTS = "too_many_components"
    LABEL_WITHOUT_SIGNATURE = "label_without_signature"
    PARAMETER_TYPE = "parameter_type"
    NO_TAG = "no_tag"
    NO_CREATED = "no_created"
    NO_EXPIRES = "no_expires"
    NO_KEYID = "no_keyid"
    UNKNOWN_COMPONENT = "unknown_component"
    UNKNOWN_COMPONENT_PARAMETER = "unknown_component_parameter"
    COMPONENT_MISSING = "component_missing"
    COMPONENT_VALUE = "component_value"
    AUTHORITY_NOT_COVERED = "authority_not_covered"
    AGENT_NOT_COVERED = "agent_not_covered"
    AGENT_MISSING = "agent_missing"
    AGENT_UNREADABLE = "agent_unreadable"
    AGENT_URL_REFUSED = "agent_url_refused"
    ALGORITHM = "algorithm"
    CREATED_IN_FUTURE = "created_in_future"
    EXPIRED = "expired"
    WINDOW = "window"
    STALE = "stale"
    KEY_UNKNOWN = "key_unknown"
    KEY_NOT_YET_VALID = "key_not_yet_valid"
    KEY_EXPIRED = "key_expired"
    DIRECTORY_DOWN = "directory_down"
    BAD_SIGNATURE = "bad_signature"

    @property
    def sentence(self) -> str:
        """What failed and what would pass, in one plain sentence for a crawler's author."""
        return _SENTENCES[self]


_F = SignatureFault
_SENTENCES: Mapping[SignatureFault, str] = {
    _F.HALF_SIGNED: "Only one of Signature and Signature-Input was sent; send both.",
    _F.UNREADABLE: "Signature or Signature-Input is not a valid structured field; see RFC 9421 section 4.",
    _F.DUPLICATE_LABEL: "A signature label is used twice; give each signature its own label.",
    _F.DUPLICATE_PARAMETER: "A parameter is given twice; give each parameter once.",
    _F.DUPLICATE_COMPONENT: "A component is covered twice; list each covered component once.",
    _F.TOO_MANY_LABELS: "There are more than 4 signatures; send at most 4.",
    _F.TOO_MANY_COMPONENTS: "There are more than 24 covered components; cover at most 24.",
    _F.LABEL_WITHOUT_SIGNATURE: "A label of Signature-Input has no byte sequence in Signature; send both.",
    _F.PARAMETER_TYPE: "created and expires must be integers, keyid, nonce, alg and tag strings.",
    _F.NO_TAG: 'No signature carries tag="web-bot-auth"; sign with that tag.',
    _F.NO_CREATED: "The created parameter is missing; add the signing time in Unix seconds.",
    _F.NO_EXPIRES: "The expires parameter is missing; add an end time in Unix seconds, a minute ahead is enough.",
    _F.NO_KEYID: "The keyid parameter is missing; add the base64url SHA-256 thumbprint of the key (RFC 7638).",
    _F.UNKNOWN_COMPONENT: "A covered component does not exist for this message; see RFC 9421 section 2.",
    _F.UNKNOWN_COMPONENT_PARAMETER: "A component parameter is unknown or does not apply there; use those of RFC 9421.",
    _F.COMPONENT_MISSING: "A covered component is not in the message; cover only what is sent.",
    _F.COMPONENT_VALUE: "A covered value cannot be signed; it must be printable ASCII and parse as its component says.",
    _F.AUTHORITY_NOT_COVERED: 'Neither "@authority" nor "@target-uri" is covered; cover at least one.',
    _F.AGENT_NOT_COVERED: 'Signature-Agent is sent but not covered; cover "signature-agent" (;key= for a dictionary).',
    _F.AGENT_MISSING: "Signature-Agent is missing; send the https URL of the key directory and cover it.",
    _F.AGENT_UNREADABLE: 'Signature-Agent cannot be read; send "https://host" or label="https://host", in quotes.',
    _F.AGENT_URL_REFUSED: "The Signature-Agent URL is refused; use https, a DNS name, port 443 and no user name.",
    _F.ALGORITHM: "The algorithm does not go with the key; Web Bot Auth signatures are ed25519.",
    _F.CREATED_IN_FUTURE: "created is more than 60 seconds in the future; set the clock right.",
    _F.EXPIRED: "The signature has expired; sign each request afresh.",
    _F.WINDOW: "expires is not after created; set expires later than created.",
    _F.STALE: "The signature is older than 300 seconds, which is too old to pay with; sign each request afresh.",
    _F.KEY_UNKNOWN: "The key is not known for this Signature-Agent; publish it there or register it with the site.",
    _F.KEY_NOT_YET_VALID: "The key's nbf is in the future; sign with a key that is already valid.",
    _F.KEY_EXPIRED: "The key's exp is past; sign with a current key or publish a later exp.",
    _F.DIRECTORY_DOWN: "The key directory cannot be read just now; try again later.",
    _F.BAD_SIGNATURE: "The signature does not match the message as received; compare the signature base.",
}


@dataclass(frozen=True, slots=True)
class Flaw:
    """A fault with the particulars of this message; ``detail`` names the label, component or value.

    Much of a detail is a stranger's text on its way to a header field and a log line, so it is cut to
    ``MAX_DETAIL_LENGTH`` characters of printable ASCII here, once.
    """

    fault: SignatureFault
    detail: str

    def __post_init__(self) -> None:
        escaped = self.detail.encode("ascii", "backslashreplace").decode("ascii")
        shown = "".join(character if character.isprintable() else "?" for character in escaped[:MAX_DETAIL_LENGTH])
        object.__setattr__(self, "detail", shown)

    def __str__(self) -> str:
        return f"{self.fault.sentence} ({self.detail})" if self.detail else self.fault.sentence
