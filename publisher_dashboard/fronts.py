"""What to write into the front before an edge, with a site's own names in it. Pure text.

Rules of this file
- A front passes the request's target and ``Host`` on as they came, because crawlers sign them, holds nothing back, and
  says where the request came from; the edge believes that from the fronts it is told of.
- nginx's and Caddy's text is run by a test with the real program (``tests/system/test_fronts.py``). Traefik is on no
  package registry: its files are read by a test, and their names are those of its documentation of version 3
  (doc.traefik.io: "Request path", "EntryPoints", "HTTP services", "File provider").
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
            "traefik",
            "Traefik",
            "The first file is Traefik’s own and needs a restart; the second is read at once. Another site takes one "
            "router and certificate more, and the same service. Traefik says itself where a request came from, and "
            "drops what strangers say of that; leave forwardedHeaders.insecure off.",
            (
                ("/etc/traefik/traefik.yml", _traefik(scheme)),
                ("/etc/traefik/farebox.yml", _traefik_site(host, edge, scheme)),
                trusted,
            ),
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
            "asgi",
            "ASGI app",
            "For a site that is a Python app, such as one of FastAPI, Django or Quart. farebox is no middleware in it, "
            "but a program of its own before it. Let the app’s server listen on this machine alone, so that nobody "
            "gets past the edge, and believe what the edge says of visitors. It needs a port: the edge asks no unix "
            "socket.",
            (
                ("a terminal, with uvicorn", _UVICORN),
                ("or with Hypercorn", _HYPERCORN),
                ("in your app, for Hypercorn", _HYPERCORN_APP),
                ("then, where farebox runs", f"farebox site set {host} --origin http://127.0.0.1:8000"),
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
_UVICORN = "uvicorn yourapp:app --host 127.0.0.1 --port 8000 --proxy-headers --forwarded-allow-ips 127.0.0.1"
_HYPERCORN = "hypercorn yourapp:app --bind 127.0.0.1:8000"
_HYPERCORN_APP = """from hypercorn.middleware import ProxyFixMiddleware

# One trusted hop: the edge, which writes X-Forwarded-For, -Proto and -Host anew.
app = ProxyFixMiddleware(app, mode="legacy", trusted_hops=1)"""


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


def _traefik(scheme: str) -> str:
    name, port = ("web", 80) if scheme == "http" else ("websecure", 443)
    return f"""entryPoints:
  {name}:
    address: ":{port}"
    http:
      # Crawlers sign the path as they send it: it must not be tidied up here.
      sanitizePath: false

providers:
  file:
    filename: /etc/traefik/farebox.yml"""


def _traefik_site(host: str, edge: str, scheme: str) -> str:
    name = host.replace(".", "-")
    entry = "web" if scheme == "http" else "websecure"
    router = "" if scheme == "http" else "\n      tls: {}"
    tls = (
        ""
        if scheme == "http"
        else f"""

tls:
  certificates:
    - certFile: /etc/ssl/{host}.pem
      keyFile: /etc/ssl/{host}.key"""
    )
    return f"""http:
  routers:
    {name}:
      rule: "Host(`{host}`)"
      entryPoints: [{entry}]
      service: farebox{router}
  services:
    farebox:
      loadBalancer:
        servers:
          - url: "http://{edge}"
        # The Host of the request goes on as it came, because crawlers sign it.
        passHostHeader: true
        responseForwarding:
          # Send what comes at once, so that a page counts as delivered when it is.
          flushInterval: "-1ms"{tls}"""
