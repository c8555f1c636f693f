"""``/.well-known/tdmrep.json``: from which pages text and data mining is reserved, and the policy for what is sold.

Rules of this file: what is free for training is not reserved; what is sold is reserved with a policy that says whom to
pay; what is blocked is reserved without one, which is how the protocol says that there is no licence to be had. The
most specific location comes first, since the first that matches counts.

Source: TDM Reservation Protocol, W3C Community Group Final Report of 10 May 2024: "TDM File on the Origin Server",
"Use of regular expressions" (patterns of robots.txt) and "Specification of the TDM Policy" (a profile of ODRL 2.2).
"""

from __future__ import annotations

import json
from typing import Any

from edge.core.rules import Action
from edge.core.signals.published import PRICES_PAGE, TDM_POLICY
from edge.core.signals.scopes import Projection, Use

_TRAINING = tuple(Use).index(Use.AI_TRAIN)


def tdmrep_document(base: str, projection: Projection) -> str:
    """The file of the site at ``base`` (scheme and authority)."""
    scopes = projection.over(lambda uses: uses[_TRAINING].action)
    rows = []
    for scope in sorted(scopes, key=lambda one: -len(one.pattern)):
        row: dict[str, object] = {"location": scope.pattern, "tdm-reservation": int(scope.says is not Action.ALLOW)}
        if scope.says is Action.CHARGE:
            row["tdm-policy"] = base + TDM_POLICY
        rows.append(row)
    return json.dumps(rows, indent=2) + "\n"


def tdm_policy(base: str, host: str, mail: str | None) -> str:
    """The policy for what is sold: mining is permitted against payment; ``mail`` is a contact as ``mailto:``."""
    assigner: dict[str, Any] = {"uid": base, "vcard:fn": host, "vcard:hasURL": base + PRICES_PAGE}
    if mail is not None:
        assigner["vcard:hasEmail"] = mail
    policy = {
        "@context": [
            "http://www.w3.org/ns/odrl.jsonld",
            {"tdm": "http://www.w3.org/ns/tdmrep#", "vcard": "http://www.w3.org/2006/vcard/ns#"},
        ],
        "@type": "Offer",
        "profile": "http://www.w3.org/ns/tdmrep",
        "uid": base + TDM_POLICY,
        "assigner": assigner,
        "permission": [{"action": "tdm:mine", "duty": [{"action": "compensate"}]}],
    }
    return json.dumps(policy, indent=2) + "\n"
