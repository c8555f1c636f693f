"""Every screen of the dashboard with an address that shows it filled: looked at by axe, photographed, walked through.

Rules of this file
- A route that answers GET with a page has at least one line here; ``tests/dashboard/test_screens.py`` fails for one
  that has none. What is no page (a download, a stream, a file) is named in ``is_page``.
- In an address ``{charge}`` stands for a charge of the first publisher, ``{sold}`` for one that can be given back,
  ``{bot_charge}`` for one of the first crawler, ``{link}`` for a set-up link and ``{now}`` for the newsroom's time in
  microseconds. An address that needs something which the newsroom does not have is a reason to add it to the newsroom.
- A screen with a name is photographed for docs/screens.md under it; the others are states that axe looks at too.
"""

from __future__ import annotations

from dataclasses import dataclass

OWNER = "owner@harbour.example"
NOBODY = ""
CRAWLER_TEAM = "team@bot.example"
"""In the team of the newsroom's first crawler, and of no publisher."""

_PUBLISHER = "/publishers/{publisher_id:int}"
_SITE = "/sites/{host}"
_OURS = "/publishers/1"
_HERE = "/sites/harbour.example"
_TEAM = "/portal/{crawler_id:int}"
_BOT = "/portal/1"
_DOWNLOADS = (".csv", ".jsonl", ".json", ".xlsx", ".parquet", ".pdf", ".txt", ".zip", ".xml", ".svg")
_STREAMS = frozenset(
    {
        "/static/{name}",
        f"{_SITE}/activity/live",
        "/operator/months/{month}/files/{name}",
        "/portal/{crawler_id:int}/months/{month}/files/{name}",
    }
)
_WAYS_ON = frozenset({"/", "/portal"})


@dataclass(frozen=True, slots=True)
class Screen:
    """One address of one route. ``who`` is the e-mail of whoever looks, empty before signing in.

    ``name`` is that of its picture; ``title`` what docs/screens.md calls it.
    """

    route: str
    address: str
    name: str = ""
    title: str = ""
    who: str = OWNER
    status: int = 200


SCREENS: tuple[Screen, ...] = (
    # Before anyone is known
    Screen("/sign-in", "/sign-in", "sign-in", "Sign in", NOBODY),
    Screen("/set-up/{link}", "/set-up/{link}", "set-up", "Set up the first account", NOBODY),
    Screen("/set-up/{link}", "/set-up/used", who=NOBODY, status=410),
    Screen("/invitations/{link}", "/invitations/used", who=NOBODY, status=410),
    Screen("/api/v1/docs", "/api/v1/docs", "api-docs", "The API", NOBODY),
    Screen("/api/v1/docs/{name}", "/api/v1/docs/publish", "api-operation", "One operation of the API", NOBODY),
    Screen("/api/v1/docs/{name}", "/api/v1/docs/nothing", who=NOBODY, status=404),
    # A publisher's
    Screen(_PUBLISHER, _OURS, "overview", "Overview"),
    Screen(_PUBLISHER, f"{_OURS}?range=90d"),
    Screen(f"{_PUBLISHER}/sites", f"{_OURS}/sites", "sites", "Sites"),
    Screen(f"{_PUBLISHER}/sites", f"{_OURS}/sites?for=test"),
    Screen(f"{_PUBLISHER}/charges", f"{_OURS}/charges", "charges", "Charges"),
    Screen(f"{_PUBLISHER}/charges", f"{_OURS}/charges?crawler=nobody"),
    Screen(f"{_PUBLISHER}/charges", f"{_OURS}/charges?from=never", status=422),
    Screen(f"{_PUBLISHER}/charges/{{charge_id}}", f"{_OURS}/charges/{{charge}}", "charge", "One charge"),
    Screen(f"{_PUBLISHER}/charges/{{charge_id}}/refund", f"{_OURS}/charges/{{sold}}/refund", "refund", "A refund"),
    Screen(f"{_PUBLISHER}/months", f"{_OURS}/months", "months", "Months"),
    Screen(f"{_PUBLISHER}/months/{{month}}", f"{_OURS}/months/2026-11", "month-open", "A month under way"),
    Screen(f"{_PUBLISHER}/months/{{month}}", f"{_OURS}/months/2026-10", "month-closed", "A closed month"),
    Screen(f"{_PUBLISHER}/months/{{month}}", f"{_OURS}/months/2026-01"),
    Screen(f"{_PUBLISHER}/team", f"{_OURS}/team", "team", "Team"),
    Screen(f"{_PUBLISHER}/team/members/{{member_id:int}}", f"{_OURS}/team/members/3", "member", "One member"),
    Screen(f"{_PUBLISHER}/tokens", f"{_OURS}/tokens", "tokens", "API tokens"),
    Screen(f"{_PUBLISHER}/tokens/{{token_id:int}}", f"{_OURS}/tokens/1"),
    Screen(f"{_PUBLISHER}/audit", f"{_OURS}/audit", "audit", "Audit log"),
    Screen(f"{_PUBLISHER}/audit", f"{_OURS}/audit?area=team&from=never", status=422),
    Screen(f"{_PUBLISHER}/settings", f"{_OURS}/settings", "publisher-settings", "Publisher's settings"),
    Screen(f"{_PUBLISHER}/webhooks", f"{_OURS}/webhooks", "webhooks", "Webhooks"),
    Screen(f"{_PUBLISHER}/webhooks", "/publishers/2/webhooks", status=404),
    Screen(f"{_PUBLISHER}/webhooks/new", f"{_OURS}/webhooks/new", "webhook-new", "A new webhook"),
    Screen(f"{_PUBLISHER}/webhooks/{{webhook_id:int}}", f"{_OURS}/webhooks/2", "webhook", "One webhook"),
    # A site's
    Screen(f"{_SITE}/rules", f"{_HERE}/rules", "rules", "Pricing rules"),
    Screen(f"{_SITE}/rules/new", f"{_HERE}/rules/new", "rule-new", "A new rule"),
    Screen(f"{_SITE}/rules/edit", f"{_HERE}/rules/edit?rule=Night+recipes", "rule", "One rule"),
    Screen(f"{_SITE}/rules/everything-else", f"{_HERE}/rules/everything-else", "everything-else", "Everything else"),
    Screen(f"{_SITE}/rules/delete", f"{_HERE}/rules/delete?rule=Archive"),
    Screen(f"{_SITE}/presets", f"{_HERE}/presets", "presets", "Where to begin"),
    Screen(f"{_SITE}/review", f"{_HERE}/review", "review", "Review and publish"),
    Screen(f"{_SITE}/review", "/sites/kitchen.harbour.example/review"),
    Screen(f"{_SITE}/discard", f"{_HERE}/discard"),
    Screen(f"{_SITE}/history", f"{_HERE}/history", "history", "Every version"),
    Screen(f"{_SITE}/history/{{version:int}}", f"{_HERE}/history/3", "version", "One version"),
    Screen(f"{_SITE}/settings", f"{_HERE}/settings", "site-settings", "A site's settings"),
    Screen(f"{_SITE}/settings/pause", f"{_HERE}/settings/pause"),
    Screen(f"{_SITE}/test", f"{_HERE}/test"),
    Screen(
        f"{_SITE}/test", f"{_HERE}/test?url=/articles/x&crawler=ExampleBot&offer=max&price=0.006",
        "test", "Test a URL",
    ),
    Screen(f"{_SITE}/test", f"{_HERE}/test?url=/members/x&agent=CCBot/2.0"),
    Screen(f"{_SITE}/test", f"{_HERE}/test?url=ftp://x&offer=max", status=422),
    Screen(f"{_SITE}/activity", f"{_HERE}/activity", "activity", "Activity"),
    Screen(f"{_SITE}/activity", f"{_HERE}/activity?outcome=asked&crawler=ExampleBot&from=2026-11-19"),
    Screen(f"{_SITE}/activity", f"{_HERE}/activity?crawler=nobody"),
    Screen(f"{_SITE}/activity", f"{_HERE}/activity?status=none&from=never", status=422),
    Screen(f"{_SITE}/activity/{{place}}", f"{_HERE}/activity/{{now}}-1", "decision", "One decision and its why"),
    Screen(f"{_SITE}/crawlers", f"{_HERE}/crawlers", "crawlers", "Crawlers"),
    Screen(f"{_SITE}/crawlers", f"{_HERE}/crawlers?q=nobody"),
    Screen(f"{_SITE}/crawlers/one", f"{_HERE}/crawlers/one?name=ExampleBot", "crawler", "One crawler"),
    Screen(f"{_SITE}/crawlers/one", f"{_HERE}/crawlers/one?name=GPTBot"),
    Screen(f"{_SITE}/content", f"{_HERE}/content", "content", "Content"),
    Screen(f"{_SITE}/content", f"{_HERE}/content?under=/archive/&days=7&sort=earned"),
    Screen(f"{_SITE}/content", f"{_HERE}/content?under=/nowhere/"),
    Screen(f"{_PUBLISHER}/sites/new", f"{_OURS}/sites/new", "site-new", "Add a site"),
    Screen(f"{_PUBLISHER}/sites/waiting", f"{_OURS}/sites/waiting", "sites-waiting", "Sites that wait"),
    Screen("/operator/sites", "/operator/sites", "operator-sites", "Sites that wait for the operator"),
    Screen(f"{_SITE}/connect", f"{_HERE}/connect", "connect", "Connect"),
    Screen(f"{_SITE}/connect", "/sites/kitchen.harbour.example/connect?front=caddy"),
    Screen(f"{_SITE}/estimate", f"{_HERE}/estimate", "estimate", "Estimate from logs"),
    Screen(f"{_SITE}/estimate", f"{_HERE}/estimate?kept=1", "estimate-result", "What a log would have earned"),
    Screen(f"{_SITE}/estimate", f"{_HERE}/estimate?of=gone", status=404),
    Screen(f"{_SITE}/signals", f"{_HERE}/signals"),
    Screen(f"{_SITE}/signals", f"{_HERE}/signals?look=1", "signals", "Signals"),
    # The operator's
    Screen("/operator/crawlers", "/operator/crawlers", "operator-crawlers", "Operator: crawlers' accounts"),
    Screen("/operator/crawlers/{crawler_id:int}", "/operator/crawlers/4", "operator-crawler", "Operator: one account"),
    *(
        Screen(f"/operator/crawlers/{{crawler_id:int}}/{act}", f"/operator/crawlers/4/{act}", f"operator-crawler-{act}",
               f"Operator: {act} of one account")
        for act in ("credit", "terms", "suspend", "resume", "budget", "token", "subscription", "invite")
    ),
    Screen("/operator/registrations", "/operator/registrations", "operator-registrations", "Operator: registrations"),
    Screen("/operator/registrations/{number:int}", "/operator/registrations/1", "operator-registration",
           "Operator: one registration"),
    Screen("/operator/registrations/{number:int}", "/operator/registrations/2"),
    Screen("/operator/months", "/operator/months", "operator-months", "Operator: months"),
    Screen("/operator/months/{month}", "/operator/months/2026-10", "operator-month", "Operator: one month"),
    Screen("/operator/publishers", "/operator/publishers", "operator-publishers", "Operator: publishers"),
    Screen("/operator/publishers/{number:int}", "/operator/publishers/1", "operator-publisher",
           "Operator: one publisher"),
    Screen("/operator/publishers/{number:int}/share", "/operator/publishers/1/share"),
    Screen("/operator/health", "/operator/health", "operator-health", "Operator: health"),
    Screen("/operator/adjustments", "/operator/adjustments", "operator-adjustments", "Operator: adjustments"),
    Screen("/operator/adjustments", "/operator/adjustments?charge=ch_none", status=404),
    Screen("/operator/payments/{number:int}/assign", "/operator/payments/1/assign", "operator-assign",
           "Operator: a payment"),
    Screen("/operator/payments/{number:int}/close", "/operator/payments/1/close"),
    Screen("/operator/charges", "/operator/charges"),
    Screen("/operator/charges/{charge_id}", "/operator/charges/{charge}"),
    Screen("/operator/charges/{charge_id}/refund", "/operator/charges/{charge}/refund"),
    Screen("/operator/audit", "/operator/audit", "operator-audit", "Operator: audit log"),
    Screen("/operator/audit", "/operator/audit?who=nobody"),
    Screen("/operator/webhooks", "/operator/webhooks", "operator-webhooks", "Operator: all webhooks"),
    # A crawler's team's
    Screen("/portal/join/{link}", "/portal/join/used", who=NOBODY, status=410),
    Screen("/portal/register", "/portal/register", "portal-register", "Crawler: register an agent", CRAWLER_TEAM),
    Screen(_TEAM, _BOT, "portal", "Crawler: overview", CRAWLER_TEAM),
    Screen(f"{_TEAM}/charges", f"{_BOT}/charges", "portal-charges", "Crawler: charges", CRAWLER_TEAM),
    Screen(f"{_TEAM}/charges/{{charge_id}}", f"{_BOT}/charges/{{bot_charge}}", "portal-charge", "Crawler: one charge",
           CRAWLER_TEAM),
    Screen(f"{_TEAM}/months", f"{_BOT}/months", "portal-months", "Crawler: statements", CRAWLER_TEAM),
    Screen(f"{_TEAM}/months/{{month}}", f"{_BOT}/months/2026-10", "portal-month", "Crawler: a statement", CRAWLER_TEAM),
    Screen(f"{_TEAM}/months/{{month}}", f"{_BOT}/months/2026-11", who=CRAWLER_TEAM),
    Screen(f"{_TEAM}/prices", f"{_BOT}/prices?path=/archive/2019/the-long-winter", "portal-prices",
           "Crawler: price search", CRAWLER_TEAM),
    Screen(f"{_TEAM}/prices", f"{_BOT}/prices", who=CRAWLER_TEAM),
    Screen(f"{_TEAM}/keys", f"{_BOT}/keys", "portal-keys", "Crawler: keys", CRAWLER_TEAM),
    Screen(f"{_TEAM}/budgets", f"{_BOT}/budgets", "portal-budgets", "Crawler: budgets", CRAWLER_TEAM),
    Screen(f"{_TEAM}/budget", f"{_BOT}/budget", who=CRAWLER_TEAM),
    Screen(f"{_TEAM}/tokens", f"{_BOT}/tokens", "portal-tokens", "Crawler: API tokens", CRAWLER_TEAM),
    Screen(f"{_TEAM}/token", f"{_BOT}/token", who=CRAWLER_TEAM),
    Screen(f"{_TEAM}/team", f"{_BOT}/team", "portal-team", "Crawler: team", CRAWLER_TEAM),
    Screen(f"{_TEAM}/audit", f"{_BOT}/audit", "portal-audit", "Crawler: audit log", CRAWLER_TEAM),
    Screen(f"{_TEAM}/invite", f"{_BOT}/invite", who=CRAWLER_TEAM),
    # One's own, and what is not there
    Screen("/find", "/find?q=re", "find", "Find"),
    Screen("/find", "/find?q=nothing+such"),
    Screen("/account", "/account", "account", "Account"),
    Screen("/account/security", "/account/security", "account-security", "How one signs in"),
    Screen("", "/nothing", "not-found", "A page that is not there", status=404),
)  # fmt: skip


def is_page(route: str) -> bool:
    """Whether a route that answers GET is a page to look at, not a download, a stream, or a way on to another page."""
    return not route.endswith(_DOWNLOADS) and route not in _STREAMS and route not in _WAYS_ON


def is_of_another_door(screen: Screen) -> bool:
    """Whether this is not a screen of a publisher's people: the operator's, a crawler team's, or a stranger's."""
    return screen.who != OWNER or screen.route.startswith("/operator")
