"""``/license.xml``: Really Simple Licensing 1.0, one ``<content>`` for each scope of the rules.

Rules of this file: only elements of the RSL namespace that the specification knows (an unknown one makes the document
non-conformant); never ``server``, since whoever finds it must fetch a token there; what is neither free nor sold is
prohibited by name. A price is that of a page for a crawler that has proved its name and that no rule names, as its
402 says.

Source: RSL 1.0 sections 3 (elements) and 4 (association); media type ``application/rsl+xml``.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

from edge.core.money import format_micros
from edge.core.rules import Action
from edge.core.signals.published import HELP_PAGE, PATHS, PRICES_PAGE, RSL_TYPE, Signal
from edge.core.signals.scopes import Scope, Terms, Use, Uses

RSL_NAMESPACE = "https://rslstandard.org/rsl"
MAX_AGE_DAYS = 1
_NOTHING = '<prohibits type="usage">all</prohibits>'


def rsl_document(base: str, scopes: Iterable[Scope[Uses]]) -> str:
    """The document of the site at ``base`` (scheme and authority)."""
    contents = "".join(_content(base, scope) for scope in scopes)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<rsl xmlns="{RSL_NAMESPACE}" max-age="{MAX_AGE_DAYS}">\n{contents}</rsl>\n'
    )


def licence_link(base: str) -> str:
    """The ``Link`` field that leads to the document (RFC 4946, RSL section 4)."""
    return f'<{base}{PATHS[Signal.RSL]}>; rel="license"; type="{RSL_TYPE}"'


def _content(base: str, scope: Scope[Uses]) -> str:
    # Uses that come to the same are one licence, in the order of Use.
    same: dict[Terms, list[Use]] = {}
    blocked: list[Use] = []
    for use, terms in zip(Use, scope.says, strict=True):
        (blocked if terms.action is Action.BLOCK else same.setdefault(terms, [])).append(use)
    licences = "".join(_licence(base, terms, uses, blocked) for terms, uses in same.items())
    licences = licences or _element(_NOTHING)
    help_page = f"    <terms>{escape(base + HELP_PAGE)}</terms>\n"
    return f"  <content url={quoteattr(scope.pattern)}>\n{licences}{help_page}  </content>\n"


def _licence(base: str, terms: Terms, uses: list[Use], blocked: list[Use]) -> str:
    lines = [f'<permits type="usage">{_words(uses)}</permits>']
    # Said in each licence: one that only prohibits would leave all that it does not name free.
    if blocked:
        lines.append(f'<prohibits type="usage">{_words(blocked)}</prohibits>')
    if terms.price is None:
        lines.append('<payment type="free"/>')
    else:
        lines.append(_payment(base, terms, terms.price.currency, format_micros(terms.price.amount_micros)))
    return _element(*lines)


def _element(*lines: str) -> str:
    return "    <license>\n" + "".join(f"      {line}\n" for line in lines) + "    </license>\n"


def _words(uses: list[Use]) -> str:
    return " ".join(use.value for use in uses)


def _payment(base: str, terms: Terms, currency: str, amount: str) -> str:
    standard = terms.licence if terms.licence and terms.licence.startswith(("https://", "http://")) else None
    link = f"<standard>{escape(standard or base + PRICES_PAGE)}</standard>"
    return f'<payment type="crawl">{link}<amount currency="{currency}">{amount}</amount></payment>'
