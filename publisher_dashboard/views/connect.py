"""Whether visitors reach the edge: what came, and what may be wrong when nothing does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_network

from edge.store.activity import ActivityFilter, list_activity
from edge.store.arrivals import Arrivals, arrivals_of, strangers_hosts
from edge.store.connection import Connection
from edge.store.sites import Site
from publisher_dashboard.fronts import Front, fronts
from publisher_dashboard.rendering import plural
from publisher_dashboard.site_checks import Answer, SiteChecks

LATELY_MICROS = 3_600_000_000
ROWS_LOOKED_AT = 20
_INNER = tuple(
    map(ip_network, ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7"))
)  # RFC 1918, RFC 4193 and this machine


@dataclass(frozen=True, slots=True)
class ConnectState:
    """What is known of a site's way to this edge from what came. ``hints`` are sentences about what looks wrong."""

    arrivals: Arrivals
    hints: tuple[str, ...]

    @property
    def is_connected(self) -> bool:
        """Whether a request has ever come."""
        return self.arrivals.first_day_micros is not None


def connect_state(connection: Connection, site_id: int, host: str, now_micros: int) -> ConnectState:
    """What came to a site in the last hour, and what that says."""
    arrivals = arrivals_of(connection, site_id, now_micros - LATELY_MICROS)
    hints = []
    strangers = strangers_hosts(connection, now_micros - LATELY_MICROS)
    if strangers and not arrivals.requests_lately:
        hints.append(
            f"{plural(strangers, 'request')} in the last hour named a host that is not served here. Does your front "
            f"pass the Host field on as {host}?"
        )
    rows = list_activity(connection, [site_id], ActivityFilter(), ROWS_LOOKED_AT)
    if rows and all(_is_private(row.address) for row in rows):
        hints.append(
            "Every crawler seems to come from a private address. Name your front's address in FAREBOX_TRUSTED_PROXIES, "
            "and have it send X-Forwarded-For."
        )
    return ConnectState(arrivals, tuple(hints))


def fronts_of(place: Site, edge_bind: tuple[str, int] | None) -> tuple[Front, ...]:
    """What to write into each front before a site; ``edge_bind`` is where the edge listens, as far as it is known."""
    host, port = edge_bind or ("127.0.0.1", 8402)
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host  # noqa: S104 -- compared
    return fronts(place.host, f"{shown}:{port}", place.scheme or "https")


def check_site(checks: SiteChecks, host: str, origin: str) -> tuple[Answer, ...]:
    """Ask the world about a site: DNS, the server behind it, and where its public name leads."""
    addresses: Sequence[str] = checks.addresses(host)
    known = (
        Answer(True, f"DNS knows {host}: {', '.join(addresses[:4])}.")
        if addresses
        else Answer(False, f"DNS does not know {host}. Add a record that leads to your front.")
    )
    server = checks.origin(origin, host)
    return (server, known, checks.front(host)) if addresses else (server, known)


def _is_private(address: str) -> bool:
    """Whether a kept address, or the network that is kept of it, is one inside a house; a hash says nothing."""
    try:
        network = ip_network(address, strict=False)
    except ValueError:
        return False
    return any(network.version == inner.version and network.network_address in inner for inner in _INNER)
