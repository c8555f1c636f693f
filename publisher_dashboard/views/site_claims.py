"""What proves a domain: looked for, never told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge.store.site_claims import SiteClaim
from publisher_dashboard.site_checks import SiteChecks


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found where a proof is looked for; ``file`` is None where there was none, or nobody asked for it."""

    how: Literal["dns", "file"] | None
    records: tuple[str, ...] = ()
    file: str | None = None


def look_for_proof(checks: SiteChecks, claim: SiteClaim) -> Looked:
    """Where the proof of a claim stands now: in its DNS, in a file on it, or nowhere. The file is asked for last."""
    records = tuple(text.strip() for text in checks.records(claim.record_name))
    if claim.record_text in records:
        return Looked("dns", records)
    said = checks.page(claim.file_url)
    said = None if said is None else said.strip()
    return Looked("file" if said in (claim.proof, claim.record_text) else None, records, said)


def proof_of(checks: SiteChecks | None, claim: SiteClaim) -> Literal["dns", "file"] | None:
    """Where the proof of a claim stands now, if anybody can be asked."""
    return None if checks is None else look_for_proof(checks, claim).how
