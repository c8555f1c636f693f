"""What to write into the front before an edge, with a site's own names in it. Pure text.

Rules of this file
- A front passes the request's target and ``Host`` on as they came, because crawlers sign them, holds nothing back, and
  says where the request came from; the edge believes that from the fronts it is told of.
- Only fronts whose text a test runs with the real program stand here (``tests/system/test_fronts.py``).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Front:
    """One way to put the edge before a site. ``word`` names it in addresses; ``files`` are (where, text) to write."""

    word: str
    title: str
    meaning: str
    files: tuple[tuple[str, str], ...]


def fronts(host: str, edge: str, scheme: str) -> tuple[Front, ...]:
    """The fronts for a site; ``edge`` is where the edge listens, as host:port, ``scheme`` what visitors come by."""
    trusted = ("in the edge's environment, or farebox.toml", _TRUSTED)
    return (
        Front(
            "nginx",
            "nginx",
            "Add this server, with the certificate that you have; then nginx -s reload.",
            (("/etc/nginx/conf.d/farebox.conf", _nginx(host, edge, scheme)), trusted),
        ),
        Front(
            "caddy",
            "Caddy",
            "Caddy gets a certificate by itself, and passes Host and address on.",
            (("/etc/caddy/Caddyfile", _caddy(host, edge, scheme)), trusted),
        ),
        Front(
            "direct",
            "No front",
            "The edge itself on the public port, by http. Fine for trying out; for https, put a front before it.",
            (
                ("a terminal", "FAREBOX_EDGE_BIND=0.0.0.0:80 farebox serve"),
                ("in your DNS", f"{host}.  A  ADDRESS-OF-THIS-MACHINE"),
            ),
        ),
        Front(
            "compose",
            "Docker Compose",
            "compose.yaml of farebox runs PostgreSQL, two edges, a balancer and the dashboard.",
            (("a terminal", "POSTGRES_PASSWORD=... docker compose up --build"),),
        ),
    )


_TRUSTED = "FAREBOX_TRUSTED_PROXIES=127.0.0.1"


def _nginx(host: str, edge: str, scheme: str) -> str:
    certificate = f"/etc/ssl/{host}"
    tls = f"listen 443 ssl;\n    ssl_certificate {certificate}.pem;\n    ssl_certificate_key {certificate}.key;"
    listen = "listen 80;" if scheme == "http" else tls
    return f"""server {{
    {listen}
    server_name {host};

    # The edge judges fields itself; dropping them here would hide them from its signature check.
    ignore_invalid_headers off;
    underscores_in_headers on;
    large_client_header_buffers 4 16k;

    location / {{
        # No path after the address: nginx then passes the target on untouched.
        proxy_pass http://{edge};
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_buffering off;
        proxy_request_buffering off;
        proxy_read_timeout 65s;
    }}
}}"""


def _caddy(host: str, edge: str, scheme: str) -> str:
    address = f"http://{host}" if scheme == "http" else host
    return f"""{address} {{
    reverse_proxy {edge} {{
        # Send what comes at once, so that a page counts as delivered when it is.
        flush_interval -1
    }}
}}"""
