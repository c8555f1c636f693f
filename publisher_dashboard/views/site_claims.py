"""What proves a domain: looked for, never told."""

from __future__ import annotations

from typing import Literal

from edge.store.site_claims import SiteClaim
from publisher_dashboard.site_checks import SiteChecks


def proof_of(checks: SiteChecks | None, claim: SiteClaim) -> Literal["dns", "file"] | None:
    """Where the proof of a claim stands now: in its DNS, in a file on it, or nowhere."""
    if checks is None:
        return None
    if any(text.strip() == claim.record_text for text in checks.records(claim.record_name)):
        return "dns"
    said = checks.page(claim.file_url)
    return "file" if said is not None and said.strip() in (claim.proof, claim.record_text) else None
