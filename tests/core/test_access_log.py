"""One line of an access log: what each server's spelling means, and that a stranger's line breaks nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.access_log import LogFormat, LogLine, second_of
from edge.core.log_reading import READERS

AT = int(datetime(2026, 10, 10, 13, 55, 36, tzinfo=UTC).timestamp())
AGENT = "Mozilla/5.0 (compatible; GPTBot/1.2)"
COMMON = '203.0.113.9 - - [10/Oct/2026:13:55:36 +0000] "GET /a?b=1 HTTP/1.1" 200 2326'
COMBINED = f'{COMMON} "https://x.example/" "{AGENT}"'
CADDY = {
    "level": "info", "ts": AT + 0.52, "logger": "http.log.access.log0", "msg": "handled request",
    "request": {
        "remote_ip": "10.0.0.9", "client_ip": "203.0.113.9", "proto": "HTTP/2.0", "method": "GET",
        "host": "News.example:443", "uri": "/a?b=1", "headers": {"User-Agent": [AGENT]},
    },
    "size": 2326, "status": 200,
}  # fmt: skip
FIELDS = (
    "#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) "
    "cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header"
)
CLOUDFRONT = (
    "2026-10-10\t13:55:36\tFRA2\t2326\t203.0.113.9\tGET\td1.cloudfront.net\t/a\t200\t-\t"
    "Mozilla/5.0%2520(compatible;%2520GPTBot/1.2)\tb=1\t-\tHit\tabc==\tnews.example"
)
ASKED = LogLine(AT, "203.0.113.9", "GET", "/a?b=1", 200, AGENT)


def read(form: LogFormat, *lines: str) -> LogLine | None:
    reader = READERS[form]()
    return [reader(line) for line in lines][-1]


@pytest.mark.parametrize(
    ("form", "lines", "host"),
    [
        (LogFormat.COMBINED, (COMBINED,), None),
        (LogFormat.COMBINED, (f'{COMBINED} "203.0.113.9" rt=0.004',), None),
        (LogFormat.VHOST, (f"News.example:443 {COMBINED}",), "news.example"),
        (LogFormat.CADDY, (orjson.dumps(CADDY).decode(),), "news.example"),
        (LogFormat.CLOUDFRONT, ("#Version: 1.0", FIELDS, CLOUDFRONT), "news.example"),
    ],
    ids=["combined", "combined and more", "vhost", "caddy", "cloudfront"],
)
def test_every_server_tells_the_same_request(form: LogFormat, lines: tuple[str, ...], host: str | None) -> None:
    assert read(form, *lines) == ASKED._replace(host=host)


@pytest.mark.parametrize(
    "entry",
    [
        {"time_iso8601": "2026-10-10T13:55:36+00:00", "remote_addr": "203.0.113.9", "request": "GET /a?b=1 HTTP/1.1",
         "status": "200", "http_user_agent": AGENT},
        {"ClientHost": "203.0.113.9", "StartUTC": "2026-10-10T13:55:36.123456789Z", "RequestMethod": "GET",
         "RequestPath": "/a?b=1", "DownstreamStatus": 200, "request_User-Agent": AGENT},
        {"ClientIP": "203.0.113.9", "EdgeStartTimestamp": AT * 10**9, "ClientRequestMethod": "GET",
         "ClientRequestURI": "/a?b=1", "EdgeResponseStatus": 200, "ClientRequestUserAgent": AGENT},
        {"@timestamp": "2026-10-10T13:55:36.000Z", "source": {"ip": "203.0.113.9"},
         "url": {"path": "/a", "query": "b=1"},
         "http": {"request": {"method": "GET"}, "response": {"status_code": 200}}, "user_agent": {"original": AGENT}},
        {"timestamp": "2026-10-10T13:55:36Z", "httpRequest": {"requestMethod": "GET", "status": 200, "userAgent": AGENT,
         "requestUrl": "/a?b=1", "remoteIp": "203.0.113.9"}},
    ],
    ids=["nginx", "traefik", "cloudflare", "elastic", "google"],
)  # fmt: skip
def test_the_fields_of_json_are_found_by_their_names(entry: dict[str, object]) -> None:
    assert read(LogFormat.JSON, orjson.dumps(entry).decode()) == ASKED


def test_a_common_log_has_no_user_agent_and_a_combined_one_may_have_an_empty_one() -> None:
    assert read(LogFormat.COMMON, COMMON) == ASKED._replace(user_agent=None)
    empty = read(LogFormat.COMBINED, f'{COMMON} "-" "-"')
    assert empty is not None
    assert empty.user_agent == ""


def test_caddys_fields_show_an_offer_and_a_signature() -> None:
    headers = {"User-Agent": [AGENT], "Crawler-Max-Price": ["USD 0.01"], "Signature-Input": ["sig1=()"]}
    request = {**CADDY["request"], "headers": headers}  # type: ignore[dict-item]
    found = read(LogFormat.CADDY, orjson.dumps({**CADDY, "request": request}).decode())
    assert found is not None
    assert (found.offer, found.signs) == (("crawler-max-price", "USD 0.01"), True)


def test_quotation_marks_inside_are_read_as_both_servers_write_them() -> None:
    for agent in (r"a \"b\" c", r"a \x22b\x22 c"):
        found = read(LogFormat.COMBINED, f'{COMMON} "-" "{agent}"')
        assert found is not None
        assert found.user_agent == 'a "b" c'


def test_what_was_no_http_request_has_no_method() -> None:
    line = COMBINED.replace("GET /a?b=1 HTTP/1.1", r"\x16\x03\x01")
    found = read(LogFormat.COMBINED, line)
    assert found is not None
    assert (found.method, found.target) == ("", "")


def test_the_zone_of_a_time_counts() -> None:
    found = read(LogFormat.COMBINED, COMBINED.replace("13:55:36 +0000", "15:55:36 +0200"))
    assert found is not None
    assert found.second == AT


TIMES = (
    AT, float(AT), AT * 1000, AT * 10**6, AT * 10**9, str(AT), f"{AT}.250",
    "2026-10-10T13:55:36Z", "2026-10-10 13:55:36", "10/Oct/2026:13:55:36 +0000",
)  # fmt: skip


@pytest.mark.parametrize("value", TIMES)
def test_times_are_read_as_logs_write_them(value: object) -> None:
    assert second_of(value) == AT


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "",
        "yesterday",
        [],
        -5,
        "²",
        "1²",
        "9" * 400,
        1e300,
        "99/Xxx/2026:13:55:36 +0000",
    ],
)
def test_what_is_no_time_is_none(value: object) -> None:
    assert second_of(value) is None


def test_a_status_in_other_digits_is_no_status() -> None:
    entry = {"time": AT, "method": "GET", "path": "/", "status": "²"}
    assert read(LogFormat.JSON, orjson.dumps(entry).decode("utf-8").encode().decode("latin-1")) is None
    assert read(LogFormat.CLOUDFRONT, FIELDS, CLOUDFRONT.replace("\t200\t", "\t²\t")) is None


@pytest.mark.parametrize(
    "text", ["a " * 32_000, "a" * 64_000, '"' * 64_000, "\\" * 64_000, "[" * 64_000, "a - [" * 12_000]
)
@pytest.mark.parametrize("form", list(READERS))
def test_a_long_line_costs_no_more_than_its_length(form: LogFormat, text: str) -> None:
    reader = READERS[form]()  # what backtracks would hang here for hours
    for line in (text, COMBINED[:60] + text, COMMON + text):
        reader(line)


@given(st.text(st.characters(max_codepoint=255), max_size=300), st.sampled_from(list(READERS)))
def test_no_line_breaks_a_reader(line: str, form: LogFormat) -> None:
    reader = READERS[form]()
    for one in (FIELDS, line, COMBINED[:30] + line, '{"ts": ' + line, line.replace(" ", "\t")):
        reader(one)
