"""The address of a page, in the one spelling that is signed and sent.

Rules of this file: what is signed is what goes over the wire, so the HTTP library's own spelling is taken before the
signature is made; plain http is for this machine only, because a signed offer sent in the clear can be spent by
whoever reads it first.
"""

from __future__ import annotations

from urllib.parse import urljoin

import httpx2

from edge.client.loopback import is_loopback
from edge.core.errors import EdgeError


class BadPageUrl(EdgeError):
    """An address that is not asked for; the text says why."""


def page_url(text: str, *, is_local: bool = False) -> str:
    """Bring an absolute URL into its sent spelling, without a fragment.

    ``is_local`` says that the connection goes to this machine whatever the URL's host is. Raises ``BadPageUrl``.
    """
    try:
        url = httpx2.URL(text.strip())
    except (httpx2.InvalidURL, UnicodeError) as why:
        raise BadPageUrl(f"{text!r} is not a URL ({why}); give it whole, such as https://news.example/page") from why
    if url.scheme not in ("https", "http") or not url.host:
        raise BadPageUrl(f"{text!r} is not a web address; give it whole, such as https://news.example/page")
    if url.port is not None and not 0 < url.port < 65_536:
        raise BadPageUrl(f"{text!r} has a port that does not exist; ports end at 65535.")
    if url.userinfo:
        raise BadPageUrl("The address carries a user name; take it out, the signature says who you are.")
    if url.scheme == "http" and not is_local and not is_loopback(url.host):
        raise BadPageUrl(f"{text!r} is plain http; ask for https, since an offer sent in the clear can be stolen.")
    return str(url.copy_with(fragment=None))


def redirect_target(base: str, location: str) -> str:
    """Where a ``Location`` leads, seen from the page that sent it. Raises ``BadPageUrl``."""
    try:
        target = urljoin(base, location)
    except ValueError as why:
        raise BadPageUrl(f"{location[:200]!r} is not an address.") from why
    return page_url(target)


def authority(url: str) -> str:
    """Host and, where it is not the scheme's own, port of a URL."""
    return httpx2.URL(url).netloc.decode("ascii")
