"""The refusal that a person sees: one small page without scripts, images or anything from elsewhere."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass

from edge.core.refusal_fields import contact_link

_STYLE = (
    ":root{color-scheme:light dark}body{font:1rem/1.6 system-ui,sans-serif;margin:0;display:grid;min-height:100vh;"
    "place-items:center;background:Canvas;color:CanvasText}main{max-width:34rem;padding:2rem}"
    "h1{font-size:1.6rem;line-height:1.2;margin:.2em 0 .6em}.status{font-weight:700;opacity:.7;margin:0}"
    ".price{font-size:1.25rem;font-weight:650;font-variant-numeric:tabular-nums}.id{font-size:.8rem;opacity:.75;"
    "overflow-wrap:anywhere}"
)


@dataclass(frozen=True, slots=True)
class PageWords:
    """What a refusal's page says in a reader's language beside the problem itself."""

    language: str
    notice: str
    help: str
    prices: str


def refusal_page(
    problem: Mapping[str, object], contact: str | None, operator: str, words: PageWords, request_id: str
) -> str:
    """Write the page for one problem; every part that is not ours is escaped."""
    title, detail = html.escape(str(problem["title"])), html.escape(str(problem["detail"]))
    price = problem.get("price")
    asked = f'<p class="price">{html.escape(str(price["display"]))}</p>' if isinstance(price, dict) else ""
    return (
        f'<!doctype html>\n<html lang="{words.language}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f'<title>{title}</title><style>{_STYLE}</style>\n<main><p class="status">{problem["status"]}</p>'
        f"<h1>{title}</h1>{asked}<p>{detail}</p><p>{html.escape(words.notice)}</p>{_ways_on(problem, words)}"
        f'{_contact(contact)}<p class="id">{html.escape(str(problem["code"]))} &middot; {request_id} &middot; '
        f"{html.escape(operator)}</p></main></html>\n"
    )


def _ways_on(problem: Mapping[str, object], words: PageWords) -> str:
    """Links to the site's own pages of help and prices, as far as the problem names them."""
    links = problem.get("links")
    if not isinstance(links, dict):
        return ""
    named = (("guide", words.help), ("prices", words.prices))
    ways = (f'<a href="{html.escape(links[name])}">{html.escape(text)}</a>' for name, text in named if name in links)
    return f"<p>{' &middot; '.join(ways)}</p>"


def _contact(contact: str | None) -> str:
    """The contact as a link; only web and mail addresses become one."""
    if not contact:
        return ""
    text = html.escape(contact)
    link = contact_link(contact)
    if link is None:
        return f"<p>{text}</p>"
    return f'<p><a href="{html.escape(link)}">{text}</a></p>'
