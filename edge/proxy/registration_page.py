"""The page that says how a crawler is registered: one small page without scripts, images or anything from elsewhere."""

from __future__ import annotations

from html import escape

from edge.core.identity import CrawlerKind
from edge.core.refusal_fields import REGISTER_PATH, contact_link
from edge.core.signature_agent import WELL_KNOWN_PATH

_STYLE = (
    ":root{color-scheme:light dark}body{font:1rem/1.6 system-ui,sans-serif;max-width:44rem;margin:8vh auto;"
    "padding:0 1.5rem}h1{font-size:1.6rem;line-height:1.2}pre{overflow-x:auto;padding:.75rem 1rem;border:1px solid;"
    "border-radius:.4rem}code,pre{font-size:.9rem}li{margin:.5em 0}"
)


def registration_page(origin: str, operator: str, contact: str | None, *, is_open: bool) -> str:
    """Write the page for the site at ``origin`` (scheme and authority); every part that is not ours is escaped."""
    steps = _steps(escape(origin)) if is_open else "<p>Crawlers are registered by the operator here.</p>"
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>Register a crawler</title><style>{_STYLE}</style>\n<main><h1>Register a crawler</h1>"
        "<p>Pages of this site are sold to automated readers. A crawler that is registered here has an account, signs "
        "its requests with its own key and pays for each page it takes. People with a browser need none of this.</p>"
        f"{steps}{_contact(contact)}<p>Operator: {escape(operator)}</p></main></html>\n"
    )


def _steps(origin: str) -> str:
    where = f"{origin}{REGISTER_PATH}"
    return (
        "<ol>"
        "<li>Make a key and publish its public half on a host of yours, at "
        f"<code>https://YOUR-HOST{WELL_KNOWN_PATH}</code> (Web Bot Auth). That is what proves who you are.<pre>"
        "farebox-crawl keygen --out bot.pem --agent https://YOUR-HOST</pre></li>"
        "<li>Ask to be registered.<pre>"
        f"farebox-crawl register {origin} --key bot.pem --agent https://YOUR-HOST --contact you@YOUR-HOST</pre>"
        f"Without that program: <code>POST {where}</code> with the JSON "
        '<code>{"contact":"you@YOUR-HOST","name":"YourBot","operator":"You Inc.","kind":"search"}</code>, a '
        "<code>Content-Digest</code>, and a signature that covers <code>@method</code>, <code>@target-uri</code>, "
        "<code>content-digest</code> and <code>signature-agent</code>. Only <code>contact</code> is needed; "
        f"<code>kind</code> is one of {', '.join(kind.value for kind in CrawlerKind)}.</li>"
        "<li>A person looks at it. A signed <code>GET</code> of this address says how it stands, and so does "
        f"<pre>farebox-crawl register {origin} --key bot.pem --agent https://YOUR-HOST --status</pre></li>"
        "<li>When it is approved your crawler has an account without money in it; the operator tells you how to top it "
        "up.</li></ol>"
    )


def _contact(contact: str | None) -> str:
    if not contact:
        return ""
    text = escape(contact)
    link = contact_link(contact)
    if link is None:
        return f"<p>Questions: {text}</p>"
    return f'<p>Questions: <a href="{escape(link)}">{text}</a></p>'
