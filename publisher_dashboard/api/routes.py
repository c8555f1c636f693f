"""Every operation of the API on one page: method, address, what it needs, and the function that answers.

Rules of this file
- An operation that is not here does not exist. ``pages`` names the routes of pages that show or do the same; a test
  says which pages have no such operation, and why.
"""

from __future__ import annotations

from publisher_dashboard.api import (
    activity,
    charges,
    crawlers,
    months,
    overview,
    people,
    publishing,
    refunds,
    rules,
    settings,
    sites,
    trials,
    webhooks,
)
from publisher_dashboard.api.operations import Operation
from publisher_dashboard.api.values import ROOT, Done
from publisher_dashboard.visit import Need

_SITE = f"{ROOT}/sites/{{host}}"
_P = "/publishers/{publisher_id:int}"
_S = "/sites/{host}"

_RULES = {
    "body": {
        "rule": [{"name": "Articles", "where": "/articles/*", "action": "charge", "price": "USD 0.005"}],
        "default": {"action": "allow"},
    }
}

OPERATIONS: tuple[Operation, ...] = (
    # The publisher in numbers
    Operation(
        "GET", f"{ROOT}/overview", Need.SEE, overview.get_overview, "Some days in numbers",
        asks=overview.OverviewQuestion, gives=overview.OverviewShown, whole=True, pages=(f"GET {_P}",),
    ),
    Operation(
        "GET", f"{ROOT}/balance", Need.SEE, months.get_balance, "What is owed now",
        gives=months.Balances, whole=True, pages=(f"GET {_P}/months",),
    ),
    # Its money
    Operation(
        "GET", f"{ROOT}/charges", Need.SEE, charges.list_own_charges, "List charges",
        asks=charges.ChargeQuestion, gives=charges.ChargeList,
        pages=(f"GET {_P}/charges", f"GET {_P}/charges.csv"),
    ),
    Operation(
        "GET", f"{ROOT}/charges/{{charge_id}}", Need.SEE, charges.get_charge, "One charge",
        gives=charges.ChargeTold, pages=(f"GET {_P}/charges/{{charge_id}}",),
    ),
    Operation(
        "GET", f"{ROOT}/months", Need.SEE, months.list_months, "List months",
        gives=months.MonthList, whole=True, pages=(f"GET {_P}/months",),
    ),
    Operation(
        "GET", f"{ROOT}/months/{{month}}", Need.SEE, months.get_month, "One month's statement",
        gives=months.StatementShown, whole=True, pages=(f"GET {_P}/months/{{month}}",),
    ),
    Operation(
        "GET", f"{ROOT}/months/{{month}}/files/{{name}}", Need.EXPORT, months.download_month, "Download a statement",
        whole=True,
        pages=tuple(
            f"GET {_P}/months/{{month}}/{name}"
            for name in ("report.csv", "summary.csv", "report.jsonl", "report.xlsx", "report.parquet", "report.zip",
                         "report.pdf")
        ),
    ),
    # Sites
    Operation(
        "GET", f"{ROOT}/sites", Need.SEE, sites.list_own_sites, "List sites",
        gives=sites.SiteList, pages=(f"GET {_P}/sites",),
    ),
    Operation(
        "GET", _SITE, Need.SEE, sites.get_site, "One site", gives=sites.SiteShown, pages=(f"GET {_S}/settings",),
    ),
    # What came to a site
    Operation(
        "GET", f"{_SITE}/activity", Need.SEE, activity.list_activity, "List requests",
        asks=activity.ActivityQuestion, gives=activity.RequestPage,
        pages=(f"GET {_S}/activity", f"GET {_S}/activity.csv"),
    ),
    Operation(
        "GET", f"{_SITE}/activity/{{place}}", Need.SEE, activity.get_request, "One request",
        gives=activity.RequestStory, pages=(f"GET {_S}/activity/{{place}}",),
    ),
    Operation(
        "GET", f"{_SITE}/crawlers", Need.SEE, crawlers.list_crawlers_of_site, "List crawlers",
        gives=crawlers.CrawlerList, pages=(f"GET {_S}/crawlers",),
    ),
    Operation(
        "GET", f"{_SITE}/crawlers/one", Need.SEE, crawlers.get_crawler, "One crawler",
        asks=crawlers.CrawlerQuestion, gives=crawlers.CrawlerTold, example={"query": {"name": "ExampleBot"}},
        pages=(f"GET {_S}/crawlers/one",),
    ),
    Operation(
        "GET", f"{_SITE}/content", Need.SEE, crawlers.list_content_of_site, "One level of the site",
        asks=crawlers.ContentQuestion, gives=crawlers.ContentLevel, pages=(f"GET {_S}/content",),
    ),
    # Its rules
    Operation(
        "GET", f"{_SITE}/rules", Need.SEE, rules.get_rules, "The live rules",
        gives=rules.RulesShown, pages=(f"GET {_S}/rules",),
    ),
    Operation(
        "GET", f"{_SITE}/draft", Need.SEE, rules.get_draft, "The draft",
        gives=rules.RulesShown, pages=(f"GET {_S}/rules",),
    ),
    Operation(
        "PUT", f"{_SITE}/draft", Need.EDIT, rules.put_draft, "Save the draft",
        takes=rules.Rules, gives=rules.RulesShown, example=_RULES, if_match=True,
        pages=tuple(
            f"{method} {_S}/{name}"
            for method, name in (
                ("GET", "rules/new"), ("POST", "rules/new"), ("GET", "rules/edit"), ("POST", "rules/edit"),
                ("GET", "rules/everything-else"), ("POST", "rules/everything-else"), ("POST", "rules/move"),
                ("POST", "rules/switch"), ("GET", "rules/delete"), ("POST", "rules/delete"), ("POST", "crawlers/one"),
            )
        ),
    ),
    Operation(
        "DELETE", f"{_SITE}/draft", Need.EDIT, rules.delete_draft, "Discard the draft",
        gives=Done, if_match=True, pages=(f"GET {_S}/discard", f"POST {_S}/discard"),
    ),
    Operation(
        "POST", f"{_SITE}/rules/check", Need.EDIT, rules.check_rules, "Check rules without saving",
        takes=rules.Rules, gives=rules.RulesShown, example=_RULES,
    ),
    Operation(
        "GET", f"{_SITE}/versions", Need.SEE, rules.list_versions, "List versions",
        asks=rules.VersionQuestion, gives=rules.VersionList, pages=(f"GET {_S}/history",),
    ),
    Operation(
        "GET", f"{_SITE}/versions/{{version:int}}", Need.SEE, rules.get_version, "One version",
        gives=rules.VersionShown, pages=(f"GET {_S}/history/{{version:int}}",),
    ),
    # What they would do
    Operation(
        "GET", f"{_SITE}/test", Need.SEE, trials.try_url, "Test a URL",
        asks=trials.TrialQuestion, gives=trials.Trial, pages=(f"GET {_S}/test",),
        example={"query": {"url": "/articles/a", "agent": "GPTBot/1.3"}},
    ),
    Operation(
        "GET", f"{_SITE}/backtest", Need.SEE, trials.get_backtest, "Backtest the draft",
        asks=trials.BacktestQuestion, gives=trials.BacktestShown, pages=(f"GET {_S}/review",),
    ),
    # Publishing
    Operation(
        "POST", f"{_SITE}/publish", Need.EDIT, publishing.publish, "Publish the draft",
        takes=publishing.Publication, gives=rules.VersionShown, if_match=True, idempotent=True, status=201,
        pages=(f"POST {_S}/publish",), example={"body": {"live_version": 4, "note": "Autumn prices"}},
    ),
    Operation(
        "GET", f"{_SITE}/plan", Need.SEE, publishing.get_plan, "The planned publication",
        gives=publishing.PlanShown, pages=(f"GET {_S}/review",),
    ),
    Operation(
        "PUT", f"{_SITE}/plan", Need.EDIT, publishing.put_plan, "Publish the draft at a time",
        takes=publishing.PlannedPublication, gives=publishing.PlanShown, if_match=True,
        pages=(f"POST {_S}/publish",), example={"body": {"live_version": 4, "at": "2026-12-01T06:00:00Z"}},
    ),
    Operation(
        "DELETE", f"{_SITE}/plan", Need.EDIT, publishing.delete_plan, "Give the planned publication up",
        gives=Done, pages=(f"POST {_S}/plan/cancel",),
    ),
    Operation(
        "POST", f"{_SITE}/versions/{{version:int}}/roll-back", Need.EDIT, publishing.roll_back, "Publish it again",
        takes=publishing.Publication, gives=rules.VersionShown, idempotent=True, status=201,
        pages=(f"POST {_S}/roll-back",), example={"body": {"live_version": 4}},
    ),
    # Giving back
    Operation(
        "POST", f"{ROOT}/charges/{{charge_id}}/refund", Need.REFUND, refunds.give_back, "Give a charge back",
        takes=refunds.Refund,
        gives=refunds.Refunded, idempotent=True, example={"body": {"reason": "The page was empty"}},
        pages=(f"GET {_P}/charges/{{charge_id}}/refund", f"POST {_P}/charges/{{charge_id}}/refund"),
    ),
    # Settings and signals
    Operation(
        "PATCH", f"{ROOT}/sites/{{host}}", Need.MANAGE, settings.change_site_settings, "Change a site",
        takes=settings.SiteChange, gives=sites.SiteShown, if_match=True, pages=(f"POST {_S}/settings",),
        example={"body": {"contact": "https://example.com/crawlers"}},
    ),
    Operation(
        "GET", f"{ROOT}/sites/{{host}}/signals", Need.SEE, settings.list_signals, "List signals",
        gives=settings.SignalList, pages=(f"GET {_S}/signals",),
    ),
    Operation(
        "PUT", f"{ROOT}/sites/{{host}}/signals/{{signal}}", Need.EDIT, settings.put_signal, "Switch a signal",
        takes=settings.SignalSwitch, gives=Done, example={"body": {"on": True}}, pages=(f"POST {_S}/signals",),
    ),
    Operation(
        "GET", f"{ROOT}/publisher", Need.SEE, settings.get_publisher, "The publisher",
        gives=settings.PublisherShown, whole=True, pages=(f"GET {_P}/settings",),
    ),
    Operation(
        "PATCH", f"{ROOT}/publisher", Need.MANAGE, settings.change_publisher_settings, "Change the publisher",
        takes=settings.PublisherChange, gives=settings.PublisherShown, if_match=True, whole=True,
        example={"body": {"email": "office@example.com"}}, pages=(f"POST {_P}/settings",),
    ),
    # People and programs
    Operation(
        "GET", f"{ROOT}/team", Need.SEE, people.get_team, "The team",
        gives=people.TeamShown, whole=True,
        pages=(f"GET {_P}/team", f"GET {_P}/team/members/{{member_id:int}}"),
    ),
    Operation(
        "POST", f"{ROOT}/team/invitations", Need.MANAGE, people.add_invitation, "Invite somebody",
        takes=people.NewInvitation, gives=people.InvitationShown, whole=True, status=201, pages=(f"POST {_P}/team",),
        example={"body": {"email": "someone@example.com", "role": "viewer"}},
    ),
    Operation(
        "POST", f"{ROOT}/team/invitations/{{invitation_id:int}}/renew", Need.MANAGE, people.renew_link,
        "Make another link",
        gives=people.InvitationShown, whole=True,
        pages=(f"POST {_P}/team/invitations/{{invitation_id:int}}/renew",),
    ),
    Operation(
        "DELETE", f"{ROOT}/team/invitations/{{invitation_id:int}}", Need.MANAGE, people.delete_invitation,
        "Take an invitation back",
        gives=Done, whole=True, pages=(f"POST {_P}/team/invitations/{{invitation_id:int}}/revoke",),
    ),
    Operation(
        "PUT", f"{ROOT}/team/members/{{member_id:int}}", Need.MANAGE, people.put_role, "Change a role",
        takes=people.RoleChange, gives=people.MemberShown, whole=True, example={"body": {"role": "viewer"}},
        pages=(f"POST {_P}/team/members/{{member_id:int}}/role",),
    ),
    Operation(
        "DELETE", f"{ROOT}/team/members/{{member_id:int}}", Need.MANAGE, people.delete_member, "Remove somebody",
        gives=Done, whole=True, pages=(f"POST {_P}/team/members/{{member_id:int}}/remove",),
    ),
    Operation(
        "GET", f"{ROOT}/tokens", Need.SEE, people.list_tokens, "List tokens",
        gives=people.TokenListShown, whole=True, pages=(f"GET {_P}/tokens",),
    ),
    Operation(
        "GET", f"{ROOT}/tokens/{{token_id:int}}", Need.SEE, people.get_token, "One token",
        gives=people.TokenShown, whole=True, pages=(f"GET {_P}/tokens/{{token_id:int}}",),
    ),
    Operation(
        "DELETE", f"{ROOT}/tokens/{{token_id:int}}", Need.MANAGE, people.delete_token, "Take a token back",
        gives=Done, whole=True, pages=(f"POST {_P}/tokens/{{token_id:int}}/revoke",),
    ),
    Operation(
        "GET", f"{ROOT}/audit", Need.SEE, people.list_audit, "The audit log",
        asks=people.AuditQuestion, gives=people.AuditPage, whole=True,
        pages=(f"GET {_P}/audit", f"GET {_P}/audit.csv"),
    ),
    # Webhooks
    Operation(
        "GET", f"{ROOT}/webhooks", Need.SEE, webhooks.list_webhooks, "List webhooks",
        gives=webhooks.WebhookList, whole=True, pages=(f"GET {_P}/webhooks",),
    ),
    Operation(
        "POST", f"{ROOT}/webhooks", Need.MANAGE, webhooks.add_webhook, "Add a webhook",
        takes=webhooks.WebhookChange, gives=webhooks.WebhookShown, whole=True, status=201,
        example={"body": {"url": "https://example.com/hook", "events": ["rules.published"]}},
        pages=(f"GET {_P}/webhooks/new", f"POST {_P}/webhooks/new"),
    ),
    Operation(
        "GET", f"{ROOT}/webhooks/{{webhook_id:int}}", Need.SEE, webhooks.get_webhook, "One webhook",
        gives=webhooks.WebhookShown, whole=True, pages=(f"GET {_P}/webhooks/{{webhook_id:int}}",),
    ),
    Operation(
        "PUT", f"{ROOT}/webhooks/{{webhook_id:int}}", Need.MANAGE, webhooks.put_webhook, "Change a webhook",
        takes=webhooks.WebhookChange, gives=webhooks.WebhookShown, whole=True,
        example={"body": {"url": "https://example.com/hook", "events": ["rules.published"]}},
        pages=(f"POST {_P}/webhooks/{{webhook_id:int}}",),
    ),
    Operation(
        "DELETE", f"{ROOT}/webhooks/{{webhook_id:int}}", Need.MANAGE, webhooks.delete_webhook, "Remove a webhook",
        gives=Done, whole=True, pages=(f"POST {_P}/webhooks/{{webhook_id:int}}/remove",),
    ),
    Operation(
        "POST", f"{ROOT}/webhooks/{{webhook_id:int}}/secret", Need.MANAGE, webhooks.rotate_webhook_secret,
        "Make a new secret",
        gives=webhooks.WebhookShown, whole=True, pages=(f"POST {_P}/webhooks/{{webhook_id:int}}/secret",),
    ),
    Operation(
        "POST", f"{ROOT}/webhooks/{{webhook_id:int}}/test", Need.MANAGE, webhooks.send_test_event, "Send a test event",
        gives=Done, whole=True, pages=(f"POST {_P}/webhooks/{{webhook_id:int}}/test",),
    ),
    Operation(
        "POST", f"{ROOT}/webhooks/{{webhook_id:int}}/enable", Need.MANAGE, webhooks.enable_own_webhook,
        "Take a webhook up again",
        gives=webhooks.WebhookShown, whole=True, pages=(f"POST {_P}/webhooks/{{webhook_id:int}}/enable",),
    ),
    Operation(
        "POST", f"{ROOT}/webhooks/{{webhook_id:int}}/replay", Need.EDIT, webhooks.replay_deliveries, "Send again",
        takes=webhooks.Replay, gives=webhooks.Replayed, whole=True, example={"body": {}},
        pages=(f"POST {_P}/webhooks",),
    ),
)  # fmt: skip
