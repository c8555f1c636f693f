"""How a site is served, as a form shows it, and what two people who changed it at once wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge.store.connection import Connection
from edge.store.site_settings import site_mark
from edge.store.site_values import EdgeAddresses
from edge.store.sites import Site, SiteOptions, list_sites

SWITCHES: Mapping[str, tuple[str, str]] = {
    "strict": (
        "Strict signatures",
        "A signature that pays must cover the address of the page too, so that it cannot be used for another one.",
    ),
    "in_band_pricing": (
        "My server may name prices",
        "A crawler-price header of your server counts instead of the rules' price for that page.",
    ),
    "error_detail": (
        "Tell crawlers which check failed",
        "A refusal says why. Helps honest crawlers to pay; tells others what you look at.",
    ),
    "case_sensitive_paths": (
        "Rules tell /A from /a",
        "Switch it on when your server does too. Look at your rules afterwards: fewer addresses may match.",
    ),
    "keep_unconfirmed": (
        "Keep money for pages that nobody collected",
        "When a delivery was not confirmed and nobody fetches the page again within a day, the money stays here. "
        "Otherwise it goes back to the crawler.",
    ),
}
"""The settings that are on or off: what each is called, and what it means."""

LABELS: Mapping[str, str] = {
    "origin": "Your server",
    "scheme": "Scheme that the public sees",
    "contact": "Contact",
    "register_url": "Where crawlers register",
    "currency": "Currency",
    **{name: words[0] for name, words in SWITCHES.items()},
}


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """One site's settings as text in a form; ``mark`` says which state it is."""

    host: str
    form: Mapping[str, str]
    mark: str
    has_prices: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting as two people wanted it."""

    label: str
    yours: str
    theirs: str


def site_settings(site: Site) -> SiteSettings:
    """The settings as a form shows them."""
    form = {
        "origin": site.origin,
        "scheme": site.scheme or "",
        "contact": site.contact or "",
        "register_url": site.register_url or "",
        "currency": site.currency,
        **{name: "on" if getattr(site, name) else "" for name in SWITCHES},
    }
    return SiteSettings(site.host, form, site_mark(site), site.live_version is not None)


def read_options(form: Mapping[str, str], site: Site, *, may_move: bool) -> SiteOptions:
    """What a form asks for; without ``may_move`` the server behind stays, whatever the form says."""
    return SiteOptions(
        origin=form.get("origin", site.origin) if may_move else None,
        currency=form.get("currency", site.currency) if site.live_version is None else None,
        scheme=form.get("scheme", ""),
        contact=form.get("contact", ""),
        register_url=form.get("register_url", ""),
        strict=form.get("strict") == "on",
        in_band_pricing=form.get("in_band_pricing") == "on",
        error_detail=form.get("error_detail") == "on",
        case_sensitive_paths=form.get("case_sensitive_paths") == "on",
        keep_unconfirmed=form.get("keep_unconfirmed") == "on",
    )


def differences(form: Mapping[str, str], theirs: Site) -> tuple[Difference, ...]:
    """Every setting in which a form and what is stored now are not the same."""
    now = site_settings(theirs).form
    return tuple(
        Difference(label, _words(name, form.get(name, "")), _words(name, now[name]))
        for name, label in LABELS.items()
        if (form.get(name, "") or "") != now[name] and (name in SWITCHES or name in form)
    )


def _words(name: str, value: str) -> str:
    if name in SWITCHES:
        return "on" if value == "on" else "off"
    return value or "nothing"


def edge_addresses(connection: Connection, bind: tuple[str, int] | None) -> EdgeAddresses:
    """Where this edge answers, so that no server behind it is itself."""
    served = frozenset(one.host for one in list_sites(connection))
    return EdgeAddresses(served=served) if bind is None else EdgeAddresses.of_bind(*bind, served)
