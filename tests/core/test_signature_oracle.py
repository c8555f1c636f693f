"""We agree with the stock http-message-signatures library on a thousand generated messages, in both directions."""

from __future__ import annotations

import datetime
import random
from dataclasses import dataclass, field, replace
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    InvalidSignature,
    MappingKeyResolver,
    algorithms,
)

from edge.core.keys import public_half
from edge.core.message import Request, Response
from edge.core.signature_base import Message
from edge.core.signatures import (
    LabelledSignature,
    parse_signatures,
    sign_message,
    signing_key,
    verification_key,
    verify_signature,
)

CREATED, EXPIRES = 1_700_000_000, 4_000_000_000
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = PRIVATE.public_key()
KEYID = public_half(PRIVATE).thumbprint
RESOLVER = MappingKeyResolver(public_keys={KEYID: PUBLIC}, private_keys={KEYID: PRIVATE})
SIGNER = HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=RESOLVER)
VERIFIER = HTTPMessageVerifier(signature_algorithm=algorithms.ED25519, key_resolver=RESOLVER)


@dataclass
class TheirRequest:
    method: str
    url: str
    headers: dict[str, str]


@dataclass
class TheirResponse:
    status_code: int
    headers: dict[str, str]
    request: TheirRequest


@dataclass(frozen=True)
class Sample:
    """One message and what is signed of it."""

    method: str
    url: str
    headers: dict[str, str]
    covered: tuple[str, ...]
    nonce: str | None
    status: int | None = None
    response_headers: dict[str, str] = field(default_factory=dict)

    def ours(self, *signature: tuple[str, str]) -> Message:
        if self.status is None:
            return Request.from_parts(self.method, self.url, [*self.headers.items(), *signature])
        request = Request.from_parts(self.method, self.url, self.headers.items())
        return Response.from_parts(self.status, [*self.response_headers.items(), *signature], request)

    def theirs(self, *signature: tuple[str, str]) -> TheirRequest | TheirResponse:
        if self.status is None:
            return TheirRequest(self.method, self.url, {**self.headers, **dict(signature)})
        request = TheirRequest(self.method, self.url, dict(self.headers))
        return TheirResponse(self.status, {**self.response_headers, **dict(signature)}, request)


DERIVED = ("@method", "@authority", "@scheme", "@target-uri", "@request-target", "@path", "@query")
FIELDS = {
    "Date": ("Tue, 20 Apr 2021 02:07:56 GMT", ["date", '"date";bs']),
    "Cache-Control": (
        "max-age=60,   must-revalidate",
        ["cache-control", '"cache-control";sf', '"cache-control";key="max-age"'],
    ),
    "Content-Digest": (
        "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
        ["content-digest", '"content-digest";key="sha-256"', '"content-digest";bs'],
    ),
    "Signature-Agent": ('a="https://a.test";type=directory', ["signature-agent", '"signature-agent";key="a"']),
    "Crawler-Max-Price": ("USD 0.01", ["crawler-max-price"]),
    "X-Empty": ("", ["x-empty"]),
    "X-Tabbed": ("a\tb", ["x-tabbed"]),
}
PIECES = ["a", "Z", "0", "-", "~", ".", "%20", "%C3%A7", "%2F", "+", "*", "!", "$", "'", "(", ";", ":", "@", ","]


def text(generator: random.Random, longest: int = 6) -> str:
    return "".join(generator.choices(PIECES, k=generator.randint(0, longest)))


def make_sample(generator: random.Random) -> Sample:
    """Sometimes a default port, a repeated query name, an empty value; sometimes a response with its request."""
    host = generator.choice(["a.test", "A.Test", "a.test:443", "a.test:8443", "xn--bcher-kva.test"])
    scheme = generator.choice(["https", "http"])
    names = [f"n{number}" for number in range(generator.randint(0, 3))]
    query = "&".join(f"{name}={text(generator)}" for name in names)
    mark = "?" if query or generator.random() < 0.2 else ""
    url = f"{scheme}://{host}/{text(generator)}{mark}{query}"
    chosen = generator.sample(list(FIELDS), generator.randint(0, 5))
    headers = {name: FIELDS[name][0] for name in chosen}
    # A server sees one spelling of the authority only; the library signs @target-uri as the client typed it.
    as_typed = host in ("A.Test", "a.test:443")
    derived = [name for name in DERIVED if not (as_typed and name == "@target-uri")]
    covered = generator.sample(derived, generator.randint(1, 4))
    covered += [generator.choice(FIELDS[name][1]) for name in chosen if generator.random() < 0.8]
    covered += [f'"@query-param";name="{quote(name)}"' for name in names if generator.random() < 0.5]
    generator.shuffle(covered)
    nonce = generator.choice([None, "n", 'q"\\', "A" * 64])
    request = Sample(generator.choice(["GET", "POST", "QUERY"]), url, headers, tuple(covered), nonce)
    if generator.random() < 0.75:
        return request
    related = [f'"{name}";req' if not name.startswith('"') else f"{name};req" for name in covered]
    return replace(request, covered=("@status", "server", *related), status=200, response_headers={"Server": "s"})


def our_signature(sample: Sample) -> tuple[tuple[str, str], tuple[str, str]]:
    parameters: dict[str, int | str] = {"created": CREATED, "expires": EXPIRES, "keyid": KEYID, "tag": "t"}
    if sample.nonce is not None:
        parameters["nonce"] = sample.nonce
    signed = sign_message(
        sample.ours(), signing_key(PRIVATE), label="sig", components=sample.covered, parameters=parameters
    )
    return ("Signature-Input", signed.signature_input), ("Signature", signed.signature)


def their_signature(sample: Sample) -> tuple[tuple[str, str], tuple[str, str]]:
    message = sample.theirs()
    SIGNER.sign(
        message,
        key_id=KEYID,
        created=datetime.datetime.fromtimestamp(CREATED, datetime.UTC),
        expires=datetime.datetime.fromtimestamp(EXPIRES, datetime.UTC),
        nonce=sample.nonce,
        label="sig",
        tag="t",
        covered_component_ids=sample.covered,
        use_existing_digest="Content-Digest" in message.headers,
    )
    return ("Signature-Input", message.headers["Signature-Input"]), ("Signature", message.headers["Signature"])


def we_accept(sample: Sample, fields: tuple[tuple[str, str], tuple[str, str]]) -> bool:
    parsed = parse_signatures(fields[0][1], fields[1][1])
    if not isinstance(parsed, tuple) or not isinstance(parsed[0], LabelledSignature):
        return False
    return verify_signature(parsed[0], verification_key(PUBLIC), sample.ours(*fields)) is None


def they_accept(sample: Sample, fields: tuple[tuple[str, str], tuple[str, str]]) -> bool:
    try:
        return len(VERIFIER.verify(sample.theirs(*fields), max_age=None, expect_tag="t")) == 1
    except InvalidSignature:
        return False


def mutate(
    generator: random.Random, sample: Sample, fields: tuple[tuple[str, str], tuple[str, str]]
) -> tuple[Sample, tuple[tuple[str, str], tuple[str, str]]]:
    """One change that no verifier may overlook."""
    (input_name, input_text), (value_name, value) = fields
    kind = generator.randrange(5)
    covers = {name.removesuffix(";req").strip('"') for name in sample.covered}
    if kind == 0 and "@method" in covers:
        return replace(sample, method="DELETE"), fields
    if kind == 1 and covers & {"@authority", "@target-uri"}:
        return replace(sample, url=sample.url.lower().replace("test", "evil", 1)), fields
    if kind == 2 and "crawler-max-price" in covers:
        return replace(sample, headers={**sample.headers, "Crawler-Max-Price": "USD 9.99"}), fields
    if kind == 3:
        return sample, ((input_name, input_text.replace(str(CREATED), str(CREATED + 1))), (value_name, value))
    # A digit in the middle, where every bit counts.
    at = generator.randrange(10, 80)
    other = "A" if value[at] != "A" else "B"
    return sample, ((input_name, input_text), (value_name, value[:at] + other + value[at + 1 :]))


@pytest.mark.parametrize("part", range(4))
def test_both_libraries_accept_and_refuse_the_same(part: int) -> None:
    generator = random.Random(9421 + part)
    for number in range(250):
        sample = make_sample(generator)
        for fields in (our_signature(sample), their_signature(sample)):
            assert they_accept(sample, fields), (number, sample, fields)
            assert we_accept(sample, fields), (number, sample, fields)
            changed, changed_fields = mutate(generator, sample, fields)
            assert not they_accept(changed, changed_fields), (number, changed, changed_fields)
            assert not we_accept(changed, changed_fields), (number, changed, changed_fields)
