"""The operations about sites: which there are, what came to them, their rules, publishing. See ``api.routes``."""

from __future__ import annotations

from publisher_dashboard.api import (
    activity,
    connect,
    crawlers,
    estimates,
    first_run,
    presets,
    publishing,
    rules,
    site_claims,
    sites,
    trials,
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

SITE_OPERATIONS: tuple[Operation, ...] = (
    # Sites
    Operation(
        "GET", f"{ROOT}/sites", Need.SEE, sites.list_own_sites, "List sites",
        gives=sites.SiteList, pages=(f"GET {_P}/sites",),
    ),
    Operation(
        "GET", _SITE, Need.SEE, sites.get_site, "One site", gives=sites.SiteShown, pages=(f"GET {_S}/settings",),
    ),
    Operation(
        "POST", f"{_SITE}/pause", Need.MANAGE, sites.pause_own_site, "Pause a site",
        gives=Done, if_match=True, pages=(f"GET {_S}/settings/pause", f"POST {_S}/settings/pause"),
    ),
    Operation(
        "POST", f"{ROOT}/paused-sites/{{site_id:int}}/resume", Need.MANAGE, sites.resume_own_site, "Resume a site",
        gives=sites.SiteShown, pages=(f"POST {_P}/sites/{{site_id:int}}/resume",),
    ),
    # The way in
    Operation(
        "GET", f"{ROOT}/claims", Need.SEE, site_claims.list_own_claims, "List sites that wait",
        gives=site_claims.ClaimList, whole=True, pages=(f"GET {_P}/sites/waiting",),
    ),
    Operation(
        "POST", f"{ROOT}/claims", Need.MANAGE, site_claims.ask_for_site, "Ask for a site",
        takes=site_claims.NewSite, gives=site_claims.ClaimShown, whole=True, status=201,
        example={"body": {"host": "blog.example.com", "origin": "https://origin.example.com", "currency": "USD"}},
        pages=(f"GET {_P}/sites/new", f"POST {_P}/sites/new"),
    ),
    Operation(
        "POST", f"{ROOT}/claims/{{claim_id:int}}/check", Need.MANAGE, site_claims.check_claim, "Check a domain's proof",
        gives=site_claims.ClaimChecked, whole=True, costly=True, pages=(f"POST {_P}/sites/check",),
    ),
    Operation(
        "DELETE", f"{ROOT}/claims/{{claim_id:int}}", Need.MANAGE, site_claims.withdraw_own_claim,
        "Take back what was asked for",
        gives=Done, whole=True, pages=(f"POST {_P}/sites/withdraw",),
    ),
    Operation(
        "GET", f"{_SITE}/connect", Need.SEE, connect.get_connect, "How visitors come to the edge",
        gives=connect.ConnectShown, pages=(f"GET {_S}/connect",),
    ),
    Operation(
        "POST", f"{_SITE}/connect/check", Need.EDIT, connect.check_connection, "Check the way to the edge",
        gives=connect.CheckList, costly=True, pages=(f"POST {_S}/connect",),
    ),
    Operation(
        "GET", f"{ROOT}/first-steps", Need.SEE, first_run.list_first_steps, "List the first steps",
        gives=first_run.StepList, whole=True, pages=(f"GET {_P}",),
    ),
    Operation(
        "DELETE", f"{ROOT}/first-steps", Need.EDIT, first_run.put_steps_aside, "Put the first steps aside",
        gives=Done, whole=True, pages=(f"POST {_P}/first-steps",),
    ),
    Operation(
        "POST", f"{ROOT}/sample", Need.EDIT, first_run.add_own_sample, "Make a sample site",
        gives=sites.SiteShown, whole=True, status=201, costly=True, pages=(f"POST {_P}/sample",),
    ),
    Operation(
        "DELETE", f"{ROOT}/sample", Need.EDIT, first_run.remove_own_sample, "Remove the sample site",
        gives=Done, whole=True, pages=(f"POST {_P}/sample/remove",),
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
        "GET", f"{_SITE}/presets", Need.EDIT, presets.list_presets, "Rules to begin with",
        asks=presets.PresetQuestion, gives=presets.PresetList, pages=(f"GET {_S}/presets",),
    ),
    Operation(
        "POST", f"{_SITE}/draft/preset", Need.EDIT, presets.put_preset, "Put a preset into the draft",
        takes=presets.PresetChoice, gives=rules.RulesShown, if_match=True, pages=(f"POST {_S}/presets",),
        example={"body": {"preset": "training", "price": "0.005"}},
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
    # What a log would have earned
    Operation(
        "POST", f"{_SITE}/estimate", Need.EDIT, estimates.begin_estimate, "Estimate from an access log",
        asks=estimates.LogQuestion, gives=estimates.EstimateShown, takes_log=True, status=202,
        pages=(f"POST {_S}/estimate",), example={"query": {"rules": "live"}},
    ),
    Operation(
        "GET", f"{_SITE}/estimate", Need.SEE, estimates.list_own_estimates, "List estimates",
        gives=estimates.EstimateList, pages=(f"GET {_S}/estimate",),
    ),
    Operation(
        "GET", f"{_SITE}/estimate/{{estimate}}", Need.SEE, estimates.get_estimate, "One estimate",
        gives=estimates.EstimateShown, pages=(f"GET {_S}/estimate",),
    ),
    Operation(
        "POST", f"{_SITE}/estimate/{{estimate}}/keep", Need.EDIT, estimates.keep_own_estimate, "Keep a result",
        gives=estimates.EstimateShown, status=201, pages=(f"POST {_S}/estimate/keep",),
    ),
    Operation(
        "DELETE", f"{_SITE}/estimate/{{estimate}}", Need.EDIT, estimates.delete_own_estimate, "Delete a result",
        gives=Done, pages=(f"POST {_S}/estimate/delete",),
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
