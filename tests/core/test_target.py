"""One spelling of an address: what is refused, what is rewritten, what is ambiguous, and that no way round is left."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.identity import ClaimedCrawler, CrawlerKind
from edge.core.money import Money
from edge.core.refusals import RefusalCode
from edge.core.rule_index import compile_rules
from edge.core.rules import Action, Rule, RuleSet, everything_else
from edge.core.target import TARGET_BYTES_MAX, Target, TargetFault, match_key, read_target, split_absolute
from tests.support.lenient_origin import readings

VISIBLE = st.text([chr(code) for code in range(0x21, 0x7F)], max_size=40)
TRICKY = st.lists(
    st.sampled_from(["/", "//", ".", "..", "%2e", "%2F", "%5c", "%25", "2f", "a", "B", ";x", "%3b", "%20", "?", "&",
                     "=", "%", "%41", "%7E", "%C3%A9", "%c3%89", "%00", "+", "%2B", "|", "[", "::$", "~", ":",
                     "%EF%BC%8F"]),
    max_size=12,
).map("".join)  # fmt: skip


@pytest.mark.parametrize(
    "raw",
    ["/", "/a", "/a/", "/a/b.html", "/.well-known/x", "/a..b/c", "/~me/a-b_c", "/a?x=1&y=%20", "/a?", "/a?b?c/d;e",
     "/caf%C3%A9", "/a%20b", "/a,b=c@d:e!f'(g)*+&", "/a$b", "/100%25", "/a?q=%2F%252F", "/%E3%80%8C%E6%97%A5%E3%80%8D"],
)  # fmt: skip
def test_a_plain_address_is_already_canonical(raw: str) -> None:
    path, mark, query = raw.partition("?")
    assert read_target(raw) == Target(path, query if mark else None, raw, True, None)


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        ("/%61rticles/%7Eme", "/articles/~me"),
        ("/caf%c3%a9", "/caf%C3%A9"),
        ("/a%28b%29%2C%21%2a%2B%3D%3A%40%24%26%27", "/a(b),!*+=:@$&'"),
        ('/a|b"<>^`{}[]', "/a%7Cb%22%3C%3E%5E%60%7B%7D%5B%5D"),
        ("/a?%70rint=%7e&x=%26%3d%2b", "/a?print=~&x=%26%3D%2B"),
        ("/a?x=[1]|\\", "/a?x=%5B1%5D%7C%5C"),
        ("/a?caf%c3%a9=%e9", "/a?caf%C3%A9=%E9"),
    ],
)
def test_equivalent_spellings_have_one_canonical_form(raw: str, canonical: str) -> None:
    target = read_target(raw)
    assert isinstance(target, Target)
    assert (target.text, target.exact, target.ambiguity) == (canonical, False, None)
    assert target.canonical_hint == canonical


@pytest.mark.parametrize(
    "raw",
    ["", "*", "a", "?x", "example.com:443", "http://example.com/", "/a\\b", "/a#b", "/a?b#c", "/a b", "/a?b c",
     "/\x00", "/a\r\nHost: x", "/\x7f", "/caf\u00e9", "/\u65e5", "/%", "/%2", "/%zz", "/%u002f", "/a%00b", "/%0d%0a",
     "/%7f", "/%C2%85", "/.", "/..", "/./a", "/a/./b", "/a/..", "/a/../b", "/%2e", "/%2E%2e/a", "/a/.%2e/b", "/%c0%af",
     "/%ff", "/%ED%A0%80"],
)  # fmt: skip
def test_a_broken_address_is_malformed_for_everybody(raw: str) -> None:
    fault = read_target(raw)
    assert isinstance(fault, TargetFault)
    assert fault.code is RefusalCode.MALFORMED_REQUEST
    assert fault.detail.isascii()


@pytest.mark.parametrize("raw", ["/" + "a" * TARGET_BYTES_MAX, "/" + "|" * (TARGET_BYTES_MAX // 2)])
def test_an_address_is_at_most_eight_kibibytes_long_in_either_form(raw: str) -> None:
    fault = read_target(raw)
    assert isinstance(fault, TargetFault)
    assert fault.code is RefusalCode.TARGET_TOO_LONG
    assert isinstance(read_target("/" + "a" * (TARGET_BYTES_MAX - 1)), Target)


@pytest.mark.parametrize(
    ("raw", "phrase", "hint"),
    [
        ("//a", "empty path segment", "/a"),
        ("/a//b", "empty path segment", "/a/b"),
        ("/a;b=1/c", "parameter", "/a/c"),
        ("/a%3bb", "parameter", "/a"),
        ("/..;/a", "parameter", None),
        ("/a%2fb", "encoded slash", "/a/b"),
        ("/a%5cb", "encoded backslash", "/a/b"),
        ("/a%252fb", "encoded twice", "/a/b"),
        ("/%25252e%25252e/a", "encoded twice", None),
        ("/a%25%32%46b", "encoded twice", "/a/b"),
        ("/a./b", "ends in a dot", "/a/b"),
        ("/a.%20.", "ends in a dot", "/a"),
        ("/a%2E", "ends in a dot", "/a"),
        ("/.../a", "ends in a dot", None),
        ("/a%20/b", "ends in a dot or a space", "/a/b"),
        ("/%20a", "starts with a space", "/a"),
        ("/a.html::$DATA", "stream", "/a.html"),
        ("/a::%24data", "stream", "/a"),
        ("/a%EF%BC%8Fb", "read as a slash", None),
        ("/a%EF%BC%BCb", "read as a slash", None),
        ("/a%EF%BC%8E", "ends in a dot", None),
        ("/a%C2%A0", "ends in a dot or a space", None),
        ("/a?x=100%", "query", "/a?x=100%25"),
        ("/a?x=1%00", "NUL", None),
    ],
)
def test_a_spelling_that_servers_read_differently_is_ambiguous(raw: str, phrase: str, hint: str | None) -> None:
    target = read_target(raw)
    assert isinstance(target, Target)
    assert target.ambiguity is not None
    assert phrase in target.ambiguity
    assert target.canonical_hint == hint


@given(st.one_of(VISIBLE, TRICKY, st.builds(str.__add__, VISIBLE, TRICKY)).map(lambda text: "/" + text))
@settings(max_examples=500)
def test_the_canonical_form_of_a_canonical_form_is_itself(raw: str) -> None:
    first = read_target(raw)
    if isinstance(first, Target):
        again = read_target(first.text)
        assert isinstance(again, Target)
        assert (again.path, again.query, again.text, again.exact) == (first.path, first.query, first.text, True)
        assert first.exact == (first.text == raw)
        if first.canonical_hint is not None:
            plain = read_target(first.canonical_hint)
            assert isinstance(plain, Target)
            assert plain.ambiguity is None
            assert plain.exact


@pytest.mark.parametrize(
    ("raw", "parts"),
    [
        ("http://Example.com/a?b", ("http", "Example.com", "/a?b")),
        ("HTTPS://example.com:8443/a", ("https", "example.com:8443", "/a")),
        ("http://example.com", ("http", "example.com", "/")),
        ("http://example.com?x", ("http", "example.com", "/?x")),
        ("http://user@example.com//a", ("http", "user@example.com", "//a")),
        ("/a", None),
        ("ftp://example.com/a", None),
        ("http:/example.com/a", None),
        ("//example.com/a", None),
    ],
)
def test_an_absolute_form_is_split_and_judged_by_the_gate(raw: str, parts: tuple[str, str, str] | None) -> None:
    assert split_absolute(raw) == parts


@pytest.mark.parametrize(
    ("one", "other"),
    [("/Articles", "/articles"), ("/caf%C3%89", "/caf%C3%A9"), ("/boo%E2%84%AAs", "/books"), ("/%EF%BC%A1", "/a"),
     ("/cafe%CC%81", "/caf%C3%A9"), ("/stra%C3%9Fe", "/strasse")],
)  # fmt: skip
def test_rules_compare_paths_as_a_lenient_server_would(one: str, other: str) -> None:
    assert match_key(one, case_sensitive=False) == match_key(other, case_sensitive=False)


def test_a_case_sensitive_site_tells_letters_apart() -> None:
    assert match_key("/A", case_sensitive=True) != match_key("/a", case_sensitive=True)
    assert match_key("/%C3%89", case_sensitive=True) != match_key("/%C3%A9", case_sensitive=True)


# The way round: spell a dear page so that the rules do not see it and the origin serves it all the same.

DEAR = ("/articles/long-read.html", "/Archive/2026/11/Report.pdf", "/books/caf\u00e9/1", "/data/set_1(a).csv")
DEAR_RULES: dict[str, tuple[str, ...]] = {
    "exact": tuple(page.replace("(", "\\(").replace(")", "\\)") for page in DEAR),
    "prefix": ("/articles/*", "/archive/2026/*", "/books/*", "/data/s*"),
    "pattern": ("/articles/:page", "/:section/2026/*/report.pdf", "*/:book/1", "/data/(.*)"),
    "ending": ("*.html", "*.pdf", "*/1", "*.csv"),
}
BOT = ClaimedCrawler("GPTBot", "OpenAI", CrawlerKind.TRAINING)


def _encoded(path: str) -> str:
    return "".join(c if c.isascii() else "".join(f"%{byte:02X}" for byte in c.encode()) for c in path)


def _escape_one(path: str, rng: random.Random, times: int) -> str:
    at = rng.randrange(len(path))
    escape = f"%{ord(path[at]):02x}"
    for _ in range(times - 1):
        escape = escape.replace("%", rng.choice(["%25", "%2%35"]))
    return path[:at] + (escape.upper() if rng.random() < 0.5 else escape) + path[at + 1 :]


def _at_slash(path: str, rng: random.Random, replacement: str) -> str:
    slashes = [at for at, character in enumerate(path) if character == "/"]
    if not slashes:
        return path
    at = rng.choice(slashes)
    return path[:at] + replacement + path[at + 1 :]


def _at_end_of_segment(path: str, rng: random.Random, addition: str) -> str:
    ends = [at for at, character in enumerate(path) if character == "/" and at] + [len(path)]
    at = rng.choice(ends)
    return path[:at] + addition + path[at:]


SLASHES = ("//", "/./", "/x/../", "/%2e/", "/x/%2e%2E/", "%2f", "%2F", "%5c", "%5C", "\\", "%252f", "%255C",
           "/..;/x/../", "/%20/", "/%20", "/x/..%2f", "/;/", "%EF%BC%8F", "%c0%af", "/.;/", "/%C2%A0/")  # fmt: skip
ENDINGS = (";x", ";jsessionid=1", "%3Bx", "%3b", ".", "..", "%2e", "%20", "%20.", "%252e", "::$DATA", "::%24DATA",
           "%00", "%00.png", "%C2%A0", "%EF%BC%8E", "%2500", "%253Bx")  # fmt: skip
AFTER = ("/", "?", "?x=1", "#x", "/.", "/%2e", "//", "%2f", "/x/..", "/;x")
LOOKALIKES = {"k": "%E2%84%AA", "s": "%C5%BF", "a": "%EF%BD%81", "r": "%EF%BC%B2", "/": "%EF%BC%8F", ".": "%EF%BC%8E"}


def _lookalike(path: str, rng: random.Random) -> str:
    at = rng.randrange(len(path))
    inside_an_escape = "%" in path[max(0, at - 2) : at + 1]
    return path if inside_an_escape else path[:at] + LOOKALIKES.get(path[at].lower(), path[at]) + path[at + 1 :]


MUTATIONS: tuple[Callable[[str, random.Random], str], ...] = (
    lambda path, rng: _escape_one(path, rng, 1),
    lambda path, rng: _escape_one(path, rng, 2),
    lambda path, rng: _escape_one(path, rng, 3),
    lambda path, rng: "".join(c.swapcase() if rng.random() < 0.3 else c for c in path),
    lambda path, rng: _at_slash(path, rng, rng.choice(SLASHES)),
    lambda path, rng: _at_end_of_segment(path, rng, rng.choice(ENDINGS)),
    lambda path, rng: path + rng.choice(AFTER),
    _lookalike,
)


def _mutants(path: str, count: int) -> list[str]:
    rng = random.Random(path)
    mutants = []
    for _ in range(count):
        mutant = path
        for _ in range(rng.choice([1, 1, 2, 2, 3, 4])):
            mutant = rng.choice(MUTATIONS)(mutant, rng)
        mutants.append(mutant)
    return mutants


@pytest.mark.parametrize("form", DEAR_RULES)
def test_no_spelling_gets_a_dear_page_for_a_cheap_price(form: str) -> None:
    dear = [
        Rule(f"dear {number}", where=where, action=Action.CHARGE, price=Money(5_000_000, "USD"))
        for number, where in enumerate(DEAR_RULES[form])
    ]
    index = compile_rules(RuleSet(tuple(dear), everything_else(Action.CHARGE, Money(1, "USD"))))
    rng = random.Random(1)
    served = sold = 0
    for number, page in enumerate(DEAR):
        wanted = set(readings(_encoded(page), rng))
        for mutant in _mutants(_encoded(page), 500):
            path = mutant.partition("?")[0]
            if not wanted & set(readings(path, rng)):
                continue
            served += 1
            target = read_target(mutant)
            if isinstance(target, Target) and target.ambiguity is None:
                sold += 1
                assert index.match(target.path, target.query, BOT, 0.0).position == number, mutant
    # The proof is worth something only while origins are fooled and plain spellings are still sold.
    assert served > 600
    assert sold > 150
