"""The request target in the one spelling that is priced, matched, signed for and forwarded.

Rules of this file:

- a target that breaks URI syntax, or that different servers resolve to different files, is malformed for
  everybody (400);
- spellings that RFC 3986 calls equivalent get one canonical form: ``exact`` says whether it came that way;
- a spelling that some servers read as another page is ambiguous: crawlers are asked to spell it plainly,
  people are passed on as received;
- the canonical form of a canonical form is itself.

The path decides which page is meant, so the path is strict. The query is only data to HTTP, and people's
browsers send sloppy ones, so there a stray ``%`` or an encoded NUL is ambiguous rather than malformed.

Source: RFC 3986 sections 3.3, 3.4 and 6.2.2; RFC 9112 section 3.2; the bypasses of path-priced paywalls listed
in docs/protocol.md, "One spelling".
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from edge.core.refusals import RefusalCode

TARGET_BYTES_MAX = 8192

_UNRESERVED = "A-Za-z0-9._~-"
_PATH_LITERAL = r"A-Za-z0-9_~!&'()*+,=:@-"  # pchar without the dot, "$" and ";", which need a second look
_QUERY_LITERAL = r"A-Za-z0-9._~!$&'()*+,;=:@/?-"
_PATH_SAFE = "!$&'()*+,=:@/~"

# No empty segment, none that is or ends in dots, nothing encoded: already canonical, and nearly every request.
_PLAIN = re.compile(rf"(/(?:\.*+[{_PATH_LITERAL}]++/?+)*+)(?:\?([{_QUERY_LITERAL}]*+))?")
_VISIBLE = re.compile(r"[!-~]*+")
_PATH_TOKEN = re.compile(r"%[0-9A-Fa-f]{2}|[^A-Za-z0-9._~!$&'()*+,;=:@/-]")
_QUERY_TOKEN = re.compile(rf"%[0-9A-Fa-f]{{2}}|[^{_QUERY_LITERAL}]")
_DECODED_IN_PATH = re.compile(rf"[!$&'()*+,=:@{_UNRESERVED}]")  # not ";": an encoded one may be data
_DECODED_IN_QUERY = re.compile(rf"[{_UNRESERVED}]")  # "%26" is not "&" in a query
_ABSOLUTE = re.compile(r"([Hh][Tt][Tt][Pp][Ss]?)://([^/?#]*)(.*)", re.DOTALL)

_AMBIGUITIES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"//"), "an empty path segment (//)"),
    (re.compile(r";|%3B"), "a path parameter (;)"),
    (re.compile(r"%2F"), "an encoded slash (%2F)"),
    (re.compile(r"%5C"), "an encoded backslash (%5C)"),
    (re.compile(r"%25[0-9A-Fa-f]{2}"), "a character that is encoded twice (%25)"),
    (re.compile(r"(?:\.|%20)(?:/|$)"), "a path segment that ends in a dot or a space"),
    (re.compile(r"/%20"), "a path segment that starts with a space"),
    (re.compile(r"::\$"), "a file stream name (::$)"),
)
_ENCODED_AGAIN = re.compile(r"%(?:25)+([0-9A-Fa-f]{2})")
_PARAMETER = re.compile(r"(?:;|%3B|::\$)[^/]*")


class Target(NamedTuple):
    """A well-formed request target; a tuple rather than a dataclass because one is built per request.

    ``path`` and ``query`` (None without ``?``) are canonical, ``text`` is both together; ``exact`` says that the
    request was spelled like that; ``ambiguity`` is one plain phrase, or None.
    """

    path: str
    query: str | None
    text: str
    exact: bool
    ambiguity: str | None

    @property
    def canonical_hint(self) -> str | None:
        """The plain spelling to ask for instead, or None when no single one is evident."""
        return self.text if self.ambiguity is None else _plain_spelling(self)


class TargetFault(NamedTuple):
    """A target nobody gets an answer for: ``MALFORMED_REQUEST`` or ``TARGET_TOO_LONG`` and why, in one phrase."""

    code: RefusalCode
    detail: str


def read_target(raw: str) -> Target | TargetFault:
    """Read an origin-form request target, given as its bytes in Latin-1 (RFC 9112 section 3.2.1)."""
    if len(raw) <= TARGET_BYTES_MAX:
        plain = _PLAIN.fullmatch(raw)
        if plain is not None:
            return Target(plain[1], plain[2], raw, True, None)
    return _read_carefully(raw)


def split_absolute(raw: str) -> tuple[str, str, str] | None:
    """Split an absolute-form target into scheme (lower case), authority as sent, and origin form; else None.

    Source: RFC 9112 section 3.2.2; an empty path becomes ``/`` (RFC 9110 section 4.2.3).
    """
    found = _ABSOLUTE.fullmatch(raw)
    if found is None:
        return None
    scheme, authority, rest = found.groups()
    return scheme.lower(), authority, rest if rest.startswith("/") else "/" + rest


def canonical_literal(text: str) -> str:
    """The canonical spelling of a piece of path that a person wrote in a rule: anything not allowed is encoded.

    Says nothing about whether the piece is well formed or ambiguous; read a whole path for that.
    """
    if text.isascii():
        return _PATH_TOKEN.sub(_path_token, text)
    latin = unicodedata.normalize("NFC", text).encode("utf-8").decode("latin-1")
    return _PATH_TOKEN.sub(_path_token, latin)


def match_key(path: str, *, case_sensitive: bool) -> str:
    """The form in which rules compare canonical paths: what a lenient server may take for the same name.

    Case is folded unless the site says that case matters; compatibility forms of Unicode (a full-width or
    decomposed letter, the Kelvin sign for K) are folded always. Never forwarded, only compared.
    """
    if "%" not in path:
        return path if case_sensitive else path.lower()
    text = unicodedata.normalize("NFKC", unquote_to_bytes(path).decode("utf-8", "replace"))
    if not case_sensitive:
        text = unicodedata.normalize("NFKC", text.casefold())
    return quote(text, safe=_PATH_SAFE)


def _read_carefully(raw: str) -> Target | TargetFault:
    if len(raw) > TARGET_BYTES_MAX:
        return TargetFault(RefusalCode.TARGET_TOO_LONG, f"the address is longer than {TARGET_BYTES_MAX} bytes")
    if (reason := _syntax_fault(raw)) is not None:
        return TargetFault(RefusalCode.MALFORMED_REQUEST, reason)
    raw_path, mark, raw_query = raw.partition("?")
    path = _PATH_TOKEN.sub(_path_token, raw_path)
    decoded = unquote_to_bytes(path)
    if (reason := _path_fault(path, decoded)) is not None:
        return TargetFault(RefusalCode.MALFORMED_REQUEST, reason)
    query = _QUERY_TOKEN.sub(_query_token, raw_query) if mark else None
    text = path if query is None else f"{path}?{query}"
    if len(text) > TARGET_BYTES_MAX:
        return TargetFault(RefusalCode.TARGET_TOO_LONG, f"the address is longer than {TARGET_BYTES_MAX} bytes")
    ambiguity = _path_ambiguity(path, decoded.decode()) or _query_ambiguity(raw_query)
    return Target(path, query, text, text == raw, ambiguity)


def _syntax_fault(raw: str) -> str | None:
    path = raw.partition("?")[0]
    if not raw.startswith("/"):
        return "the address does not start with a slash"
    if _VISIBLE.fullmatch(raw) is None:
        return "the address contains a byte outside visible ASCII; percent-encode it"
    if "#" in raw:
        return "the address contains a fragment (#)"
    if "\\" in path:
        return "the path contains a backslash"
    if re.search(r"%(?![0-9A-Fa-f]{2})", path):
        return "the path contains a % that is not followed by two hexadecimal digits"
    return None


def _path_fault(path: str, decoded: bytes) -> str | None:
    try:
        text = decoded.decode("utf-8")
    except UnicodeDecodeError:
        return "the path is not UTF-8 once decoded"
    if any(unicodedata.category(character) == "Cc" for character in text):
        return "the path contains an encoded control character"
    if any(segment in (".", "..") for segment in path.split("/")):
        return "the path contains a dot segment (. or ..)"
    return None


def _path_ambiguity(path: str, decoded: str) -> str | None:
    for pattern, phrase in _AMBIGUITIES:
        if pattern.search(path):
            return phrase
    return None if decoded.isascii() else _unicode_ambiguity(decoded)


def _unicode_ambiguity(decoded: str) -> str | None:
    # Servers that fold compatibility forms (file systems, "best fit" code pages) find slashes and dots in these.
    folded = unicodedata.normalize("NFKC", decoded)
    segments = folded.split("/")
    if "\\" in folded or len(segments) != decoded.count("/") + 1:
        return "a character that some servers read as a slash"
    if any(segment != segment.strip() or segment.endswith(".") for segment in segments):
        return "a path segment that ends in a dot or a space"
    return None


def _query_ambiguity(raw_query: str) -> str | None:
    if "%" not in raw_query:
        return None
    if re.search(r"%(?![0-9A-Fa-f]{2})", raw_query):
        return "a % in the query that is not followed by two hexadecimal digits"
    return "an encoded NUL in the query (%00)" if "%00" in raw_query else None


def _path_token(found: re.Match[str]) -> str:
    return _canonical_token(found[0], _DECODED_IN_PATH)


def _query_token(found: re.Match[str]) -> str:
    return _canonical_token(found[0], _DECODED_IN_QUERY)


def _canonical_token(token: str, decoded: re.Pattern[str]) -> str:
    if len(token) == 1:
        return f"%{ord(token):02X}"
    character = chr(int(token[1:], 16))
    return character if decoded.fullmatch(character) else token.upper()


def _plain_spelling(target: Target) -> str | None:
    """What a lenient server would most likely serve for an ambiguous target, if that can be said plainly."""
    path = _ENCODED_AGAIN.sub(lambda found: "%" + found[1].upper(), target.path)
    path = _PARAMETER.sub("", path.replace("%2F", "/").replace("%5C", "/")).replace("%20", " ")
    # A segment of dots alone is left as it is: which directory it would mean, nobody can say.
    segments = (segment.strip(" ").rstrip(". ") or segment.strip(" ") for segment in path.split("/"))
    path = re.sub(r"/{2,}", "/", "/".join(segments)).replace(" ", "%20")
    reading = read_target(path if target.query is None else f"{path}?{target.query}")
    return reading.text if isinstance(reading, Target) and reading.ambiguity is None else None
