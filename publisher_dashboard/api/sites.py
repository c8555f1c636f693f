"""Sites: the list, and how one is served."""

from __future__ import annotations

from datetime import datetime

from edge.core.signals.published import Signal
from edge.store.rulesets import find_draft
from edge.store.sites import Site, list_sites
from publisher_dashboard.api.operations import Answer, Call
from publisher_dashboard.api.values import Model, Nothing
from publisher_dashboard.rendering import at
from publisher_dashboard.views.site_settings import site_settings


class SiteShown(Model):
    """A site. ``live_version`` is null before rules were first published."""

    host: str
    currency: str
    live_version: int | None
    has_draft: bool
    origin: str
    scheme: str | None
    contact: str | None
    register_url: str | None
    strict: bool
    in_band_pricing: bool
    error_detail: bool
    case_sensitive_paths: bool
    keep_unconfirmed: bool
    signals: tuple[Signal, ...]
    created_at: datetime


class SiteList(Model):
    """The sites that the token is for."""

    sites: tuple[SiteShown, ...]


def list_own_sites(call: Call, asked: Nothing) -> SiteList:
    """Every site that is served and that the token is for, with its settings."""
    with call.desk.database.read() as connection:
        found = [one for one in list_sites(connection, call.publisher_id) if call.token.covers(one.host)]
        return SiteList(
            sites=tuple(shown(one, has_draft=find_draft(connection, one.site_id) is not None) for one in found)
        )


def get_site(call: Call, asked: Nothing) -> Answer:
    """One site with its settings; the ETag names their state."""
    with call.desk.database.read() as connection:
        draft = find_draft(connection, call.place.site_id)
    return of_site(call.place, has_draft=draft is not None)


def of_site(site: Site, *, has_draft: bool) -> Answer:
    """A site with the ETag of its settings."""
    return Answer(shown(site, has_draft=has_draft), headers={"etag": f'"{site_settings(site).mark}"'})


def shown(site: Site, *, has_draft: bool) -> SiteShown:
    """A site as the API writes it."""
    return SiteShown(
        host=site.host,
        currency=site.currency,
        live_version=site.live_version,
        has_draft=has_draft,
        origin=site.origin,
        scheme=site.scheme,
        contact=site.contact,
        register_url=site.register_url,
        strict=site.strict,
        in_band_pricing=site.in_band_pricing,
        error_detail=site.error_detail,
        case_sensitive_paths=site.case_sensitive_paths,
        keep_unconfirmed=site.keep_unconfirmed,
        signals=tuple(sorted(site.signals)),
        created_at=at(site.created_at_micros),
    )
