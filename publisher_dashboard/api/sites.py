"""Sites: the list, how one is served, pausing and resuming one.

Rule of this file: a site is paused by who looked at it (``If-Match``); for a page that is a person who is asked again.
"""

from __future__ import annotations

from datetime import datetime

from edge.core.signals.published import Signal
from edge.store.rulesets import find_draft
from edge.store.site_settings import pause_site, resume_site
from edge.store.sites import Site, find_site, list_sites
from publisher_dashboard.api.operations import Answer, Call
from publisher_dashboard.api.problems import Code, Problem
from publisher_dashboard.api.values import Done, Model, Nothing
from publisher_dashboard.rendering import at
from publisher_dashboard.sample import is_sample
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


class PausedSite(Model):
    """A site that is not served now; ``id`` is what it is resumed by."""

    id: int
    host: str
    currency: str


class SiteList(Model):
    """The sites that the token is for: those that are served, and those that are paused."""

    sites: tuple[SiteShown, ...]
    paused: tuple[PausedSite, ...]


def list_own_sites(call: Call, asked: Nothing) -> SiteList:
    """Every site that the token is for: those that are served with their settings, and those that are paused."""
    with call.desk.database.read() as connection:
        every = list_sites(connection, call.publisher_id, with_removed=True)
        found = [one for one in every if call.token.covers(one.host)]
        return SiteList(
            sites=tuple(
                shown(one, has_draft=find_draft(connection, one.site_id) is not None) for one in found if one.active
            ),
            paused=tuple(
                PausedSite(id=one.site_id, host=one.host, currency=one.currency)
                for one in found
                if not one.active and not is_sample(one)
            ),
        )


def get_site(call: Call, asked: Nothing) -> Answer:
    """One site with its settings; the ETag names their state."""
    with call.desk.database.read() as connection:
        draft = find_draft(connection, call.place.site_id)
    return of_site(call.place, has_draft=draft is not None)


def pause_own_site(call: Call, asked: Nothing) -> Done:
    """Stop serving a site that was looked at: the edge answers nobody on its host until it is resumed."""
    seen = call.seen
    with call.desk.database.write() as connection:
        now = find_site(connection, call.place.host)
        theirs = of_site(now, has_draft=find_draft(connection, now.site_id) is not None)
        if theirs.headers["etag"] != f'"{seen}"':
            more = {"current": theirs.document.model_dump(mode="json")}
            raise Problem(Code.MOVED_ON, headers=theirs.headers, more=more)
        pause_site(connection, now.host, author=call.author, now_micros=call.now_micros)
    return Done(changed=True)


def resume_own_site(call: Call, asked: Nothing) -> Answer:
    """Serve a paused site again, as it was."""
    number = call.number("site_id")
    with call.desk.database.write() as connection:
        every = list_sites(connection, call.publisher_id, with_removed=True)
        if not any(one.site_id == number and call.token.covers(one.host) for one in every):
            raise Problem(Code.NOT_FOUND)
        found = resume_site(connection, call.publisher_id, number, author=call.author, now_micros=call.now_micros)
        draft = find_draft(connection, found.site_id)
    return of_site(found, has_draft=draft is not None)


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
