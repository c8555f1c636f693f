"""Header fields that go with every page: where its licence is, and what may be done with any page of the site."""

from __future__ import annotations

from edge.core.signals.preferences import usage_everywhere
from edge.core.signals.rsl import licence_link
from edge.core.signals.scopes import Projection


def page_fields(base: str, projection: Projection, has_licence: bool) -> tuple[tuple[str, str], ...]:
    """``Link`` (RFC 4946, where there is a licence) and ``Content-Usage`` (AIPREF, what is true of every page)."""
    fields = [("link", licence_link(base))] if has_licence else []
    usage = usage_everywhere(projection.scopes)
    return (*fields, *([("content-usage", usage)] if usage is not None else []))
