"""How the values of settings are written: places to listen, networks, URLs of databases and of pages.

Rule of this file: whoever writes a value wrong is told in one sentence how it is written.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

Network: TypeAlias = IPv4Network | IPv6Network


class Bind(NamedTuple):
    """Where to listen: ``host:port``, IPv6 in brackets. Port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _read_bind(value: object) -> object:
    if isinstance(value, Bind):
        return value
    host, separator, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    host = host.removeprefix("[").removesuffix("]")
    if not separator or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError("write it as host:port, such as 127.0.0.1:8402")
    return Bind(host, int(port))


def _read_networks(value: object) -> object:
    """A list of addresses or ranges; in the environment, one text with commas."""
    words = [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not all(
        isinstance(word, str | IPv4Network | IPv6Network) for word in words
    ):
        raise ValueError("list addresses or ranges, such as 10.0.0.0/8")
    try:
        return tuple(ip_network(word) for word in words)
    except ValueError as why:
        raise ValueError(f"{why}; list addresses or ranges, such as 10.0.0.0/8") from why


def check_database_url(url: str) -> str:
    """The URL with its driver named; raises ``ValueError``."""
    if url.startswith("postgresql://"):
        url = "postgresql+psycopg://" + url.removeprefix("postgresql://")
    if url.startswith("postgresql+psycopg://"):
        return url
    if url.startswith("sqlite:///") and url.removeprefix("sqlite:///") not in ("", ":memory:"):
        return url
    raise ValueError("use sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE")


def check_web_url(url: str | None) -> str | None:
    """An address of the web without a slash at its end, None for none; raises ``ValueError``."""
    if url is None or url == "":
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("write it as https://host, without query or fragment")
    return url.rstrip("/")


BindAddress = Annotated[
    Bind, BeforeValidator(_read_bind), PlainSerializer(str), WithJsonSchema({"type": "string", "pattern": ".+:[0-9]+"})
]
Networks = Annotated[
    tuple[Network, ...],
    BeforeValidator(_read_networks),
    PlainSerializer(lambda networks: [str(network) for network in networks]),
    WithJsonSchema({"type": "array", "items": {"type": "string"}}),
]
