"""Every operation of the API on one page: method, address, what it needs, and the function that answers.

Rules of this file
- An operation that is not here does not exist. ``pages`` names the routes of pages that show or do the same; a test
  says which pages have no such operation, and why.
"""

from __future__ import annotations

from publisher_dashboard.api import activity, charges, crawlers, months, overview, publishing, rules, sites, trials
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
        "POST", f"{_SITE}/rules/check", Need.SEE, rules.check_rules, "Check rules without saving",
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
)  # fmt: skip
