r"""One line of a web server's access log, whatever server wrote it: who asked for what, and how it was answered.

Rules of this file
- A reader takes one line of text (Latin-1, so that every byte of an address stays itself) and gives a ``LogLine``, or
  None for what it cannot read. It never raises: logs hold what strangers sent.
- Only what deciding needs is read. Nothing of a line is kept.
- A common log has no user agents: ``user_agent`` is None there, which is not the same as an empty one.

Sources: Apache HTTP Server, mod_log_config ("common", "combined", "vhost_combined"); nginx, ngx_http_log_module
("combined"); Amazon CloudFront, "Standard log file fields"; W3C Working Draft "Extended Log File Format".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import unquote

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MINUTES_REMEMBERED_MAX = 10_000
_MINUTE_CHARACTERS = 17  # 10/Oct/2026:13:55
_TIME = r"\[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\]"
_ANSWER = r'"(?P<request>[^"\\]*+(?:\\.[^"\\]*+)*+)" (?P<status>\d{3}) (?:\d+|-)'
_AGENT = r' "[^"\\]*+(?:\\.[^"\\]*+)*+" "(?P<agent>[^"\\]*+(?:\\.[^"\\]*+)*+)"'
_WHO = r"(?P<address>(?!- )\S+) \S+ [^\[]+? "
_COMMON = re.compile(_WHO + _TIME + " " + _ANSWER + r"\s*$")
_COMBINED = re.compile(_WHO + _TIME + " " + _ANSWER + _AGENT)
_VHOST = re.compile(r"(?P<host>[^\s:]+|\[[0-9A-Fa-f:]+\])(?::\d+)? " + _WHO + _TIME + " " + _ANSWER + _AGENT)
_REQUEST = re.compile(r"([A-Z]{1,20}) (\S+)(?: HTTP/\d(?:\.\d)?)?")
_ESCAPE = re.compile(r'\\(?:x([0-9A-Fa-f]{2})|(["\\]))')


class LogFormat(StrEnum):
    """What a log is written in; ``auto`` finds out from its first lines."""

    AUTO = "auto"
    COMBINED = "combined"
    COMMON = "common"
    VHOST = "vhost"
    CADDY = "caddy"
    CLOUDFRONT = "cloudfront"
    JSON = "json"


class LogLine(NamedTuple):
    """One request. ``second`` is since the epoch; ``method`` is empty where what came was no HTTP request.

    ``host`` is the site that was asked, in lower case, where the log says so. ``offer`` is the price that the request
    accepted, as the field's name and text, ``signs`` says that it bore a signature; both only where the log holds such
    fields.
    """

    second: int
    address: str
    method: str
    target: str
    status: int
    user_agent: str | None
    host: str | None = None
    offer: tuple[str, str] | None = None
    signs: bool = False


ReadLine = Callable[[str], LogLine | None]


class ClockOfLogs:
    """Reads the time of common logs; remembers minutes, because a minute's lines stand together."""

    def __init__(self) -> None:
        self._minutes: dict[tuple[str, str], int] = {}

    def second(self, text: str) -> int | None:
        """``10/Oct/2026:13:55:36 +0200`` as seconds since the epoch."""
        key = (text[:_MINUTE_CHARACTERS], text[-5:])
        minute = self._minutes.get(key)
        if minute is None:
            minute = self._read(*key)
            if minute is None:
                return None
            if len(self._minutes) >= _MINUTES_REMEMBERED_MAX:
                self._minutes.clear()
            self._minutes[key] = minute
        return minute + int(text[18:20])

    @staticmethod
    def _read(minute: str, zone: str) -> int | None:
        try:
            day, month, year = int(minute[:2]), _MONTHS.index(minute[3:6]) + 1, int(minute[7:11])
            at = datetime(year, month, day, int(minute[12:14]), int(minute[15:17]), tzinfo=UTC)
            ahead = 3600 * int(zone[1:3]) + 60 * int(zone[3:5])
        except ValueError:
            return None
        return int(at.timestamp()) + (ahead if zone[0] == "-" else -ahead)


def read_common(pattern: re.Pattern[str] = _COMMON) -> ReadLine:
    """A reader of common logs, and of what is built on them by ``pattern``."""
    clock = ClockOfLogs()
    has_agent, has_host = "agent" in pattern.groupindex, "host" in pattern.groupindex
    fields = [name for name in ("address", "time", "request", "status", "agent", "host") if name in pattern.groupindex]

    def read(line: str) -> LogLine | None:
        found = pattern.match(line)
        if found is None:
            return None
        address, time, request, status, *rest = found.group(*fields)
        second = clock.second(time)
        if second is None:
            return None
        method, target = read_request(request)
        agent = _unescaped(rest[0]) if has_agent else None
        host = rest[-1].lower() if has_host else None
        return LogLine(second, address, method, target, int(status), _said(agent), host)

    return read


def read_combined() -> ReadLine:
    """A reader of nginx's and Apache's combined logs; what an operator added behind the user agent is passed over."""
    return read_common(_COMBINED)


def read_vhost() -> ReadLine:
    """A reader of Apache's ``vhost_combined``, which begins with the host."""
    return read_common(_VHOST)


def read_cloudfront() -> ReadLine:
    """A reader of CloudFront's standard logs; its ``#Fields`` line says where each field is."""
    places: dict[str, int] = {}

    def read(line: str) -> LogLine | None:
        if line.startswith("#"):
            if line.startswith("#Fields:"):
                places.clear()
                places.update({name: place for place, name in enumerate(line[8:].split())})
            return None
        fields = line.rstrip("\r").split("\t")
        if not places or len(fields) < len(places):
            return None

        def field(name: str) -> str:
            place = places.get(name)
            return "" if place is None or fields[place] == "-" else fields[place]

        second, status = second_of(f"{field('date')}T{field('time')}Z"), field("sc-status")
        if second is None or not is_number(status):
            return None
        query = field("cs-uri-query")
        target = _harmless(field("cs-uri-stem")) + (f"?{query}" if query else "")
        # Written with percent signs, and for years with each of those written so again.
        agent = unquote(unquote(field("cs(User-Agent)"), "latin-1"), "latin-1")
        host = (field("x-host-header") or field("cs(Host)")).lower() or None
        return LogLine(second, field("c-ip"), field("cs-method"), target, int(status), agent, host)

    return read


def read_request(text: str) -> tuple[str, str]:
    """Method and target of a request line; both empty for what is none, such as TLS spoken to a plain port."""
    found = _REQUEST.fullmatch(_unescaped(text))
    return (found[1], found[2]) if found else ("", "")


def second_of(value: object) -> int | None:
    """A time as seconds since the epoch: a number of seconds (or milli-, micro-, nanoseconds), ISO 8601, or a log's.

    A time without a zone is taken as UTC.
    """
    match value:
        case bool() | None:
            return None
        case int() | float():
            return _of_number(float(value))
        case str():
            return _of_text(value.strip())
        case _:
            return None


def is_number(text: str) -> bool:
    """Whether a text is digits that ``int`` reads: other scripts' and raised ones are digits too, to Python."""
    return text.isascii() and text.isdigit()


def _of_number(number: float) -> int | None:
    for limit, unit in ((1e11, 1), (1e14, 1_000), (1e17, 1_000_000), (1e20, 1_000_000_000)):
        if 0 < number < limit:
            return int(number / unit)
    return None


def _of_text(text: str) -> int | None:
    if is_number(text.replace(".", "", 1)):
        return _of_number(float(text))
    text = text.strip("[]")
    for read in (_of_iso, ClockOfLogs().second):
        try:
            second = read(text)
        except (ValueError, OverflowError):
            continue
        if second is not None:
            return second
    return None


def _of_iso(text: str) -> int:
    # Python 3.11 reads at most six digits of a second.
    time = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text).replace("/", "-"))
    return int((time if time.tzinfo else time.fromisoformat(f"{time.isoformat()}+00:00")).timestamp())


def _said(agent: str | None) -> str | None:
    return "" if agent == "-" else agent


def _unescaped(text: str) -> str:
    """nginx writes a quotation mark as ``\\x22``, Apache as ``\\"``."""
    return _ESCAPE.sub(_unescape, text) if "\\" in text else text


def _unescape(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else found[2]


def _harmless(stem: str) -> str:
    """A path as a request target: a space or a letter beyond ASCII cannot stand in one."""
    return re.sub(r"[^!-~]", lambda sign: f"%{ord(sign[0]):02X}", stem)
