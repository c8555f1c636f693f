"""How the dashboard reads a document of a site's own server: one GET, bounded in time and size, no redirects."""

from __future__ import annotations

import time

import httpx2

from publisher_dashboard.own_documents import Served

SECONDS = 5.0
BYTES_MAX = 512 * 1024


def read_origin(origin: str, host: str, path: str) -> Served:
    """GET ``path`` of the origin for ``host``; whatever goes wrong is said in the answer."""
    headers = {"host": host, "accept": "*/*", "accept-encoding": "identity", "user-agent": "farebox-dashboard"}
    until = time.monotonic() + SECONDS
    body = bytearray()
    try:
        with (
            httpx2.Client(timeout=SECONDS, follow_redirects=False, trust_env=False) as client,
            client.stream("GET", f"{origin}{path}", headers=headers) as response,
        ):
            for piece in response.iter_bytes():
                body += piece
                if len(body) > BYTES_MAX or time.monotonic() > until:
                    break
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as why:
        return Served(None, trouble=str(why)[:200] or type(why).__name__)
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Served(response.status_code, media_type, bytes(body[:BYTES_MAX]).decode("utf-8", "replace"))
