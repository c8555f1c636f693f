"""Every operation of the API: method, address, what it needs, and the function that answers.

Rules of this file
- An operation that is not here, or among those of sites (``publisher_dashboard.api.site_routes``), does not exist.
- ``pages`` names the routes of pages that show or do the same; a test says which pages have no such operation, and why.
"""

from __future__ import annotations

from publisher_dashboard.api import (
    charges,
    month_checks,
    months,
    overview,
    people,
    refunds,
    settings,
    sites,
    webhooks,
)
from publisher_dashboard.api.operations import Operation
from publisher_dashboard.api.site_routes import SITE_OPERATIONS
from publisher_dashboard.api.values import ROOT, Done
from publisher_dashboard.visit import Need

_P = "/publishers/{publisher_id:int}"
_S = "/sites/{host}"

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
    Operation(
        "GET", f"{ROOT}/months/{{month}}/verify", Need.SEE, month_checks.get_month_check, "How a check ended",
        gives=month_checks.MonthCheck, whole=True, pages=(f"GET {_P}/months/{{month}}",),
    ),
    Operation(
        "POST", f"{ROOT}/months/{{month}}/verify", Need.EXPORT, month_checks.verify_month, "Verify a closed month",
        gives=month_checks.MonthCheck, whole=True, status=202, costly=True,
        pages=(f"POST {_P}/months/{{month}}/verify",),
    ),
    *SITE_OPERATIONS,
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
