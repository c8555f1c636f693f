"""What rules would do: one imagined request, or the draft against recorded traffic."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from edge.core.backtest_result import BandSum
from edge.store.crawlers import list_crawlers
from edge.store.policy import load_policy
from publisher_dashboard.api.operations import Answer, Call
from publisher_dashboard.api.problems import Code, Problem
from publisher_dashboard.api.values import Amount, Model, amount, price_of
from publisher_dashboard.draft_backtest import backtest_draft
from publisher_dashboard.edition import edition_of
from publisher_dashboard.rendering import at
from publisher_dashboard.verdict import Verdict
from publisher_dashboard.views.review import BacktestView, Badge, view_of
from publisher_dashboard.views.trial import judge, prover, read_question


class TrialQuestion(Model):
    """An imagined request: a registered ``crawler`` that signs, or whoever says ``agent``; and what it offers."""

    url: str
    crawler: str = ""
    agent: str = ""
    offer: Literal["", "max", "exact"] = ""
    price: Annotated[str, Field(description="A decimal amount in the site's currency.", examples=["0.005"])] = ""
    proof: Literal["", "reverse-dns", "address", "impostor"] = ""
    ip: Annotated[str, Field(description="Where it comes from, held against published lists.")] = ""


class SkippedRule(Model):
    """A rule that did not decide, with the first reason."""

    name: str
    because: str


class Header(Model):
    """A field of the answer."""

    name: str
    value: str


class VerdictShown(Model):
    """What one set of rules would answer. ``status`` is null where the site's own is passed on."""

    rules: str
    verdict: str
    sentence: str
    taken_for: str
    price: Amount | None
    decided_by: str | None
    skipped: tuple[SkippedRule, ...]
    status: int | None
    headers: tuple[Header, ...]
    curl: str


class Trial(Model):
    """The live rules' answer and, where there is a draft, the draft's."""

    verdicts: tuple[VerdictShown, ...]


class BacktestQuestion(Model):
    """Over how many days."""

    days: Literal["1", "7", "30"] = "7"


class Band(Model):
    """So many requests and what they come to, live and in the draft; bands are not added up."""

    title: str
    meaning: str
    live_requests: int
    live: Amount
    draft_requests: int
    draft: Amount


class Decision(Model):
    """Requests whose answer changes."""

    before: str
    after: str
    requests: int
    difference: Amount


class RuleWorth(Model):
    """What a rule decides and sells, live and in the draft."""

    name: str
    live_requests: int
    draft_requests: int
    live: Amount
    draft: Amount


class Warned(Model):
    """Something to know before publishing."""

    text: str
    is_warning: bool


class BacktestResult(Model):
    """What the draft would have done to the requests that were recorded."""

    requests: int
    changed: int
    live: Amount
    difference: Amount
    bands: tuple[Band, ...]
    decisions: tuple[Decision, ...]
    rules: tuple[RuleWorth, ...]
    caveats: tuple[Warned, ...]


class BacktestShown(Model):
    """A backtest: ``running`` (ask again; ``part`` of it is done), ``done`` or ``failed``."""

    state: Literal["running", "done", "failed"]
    part: float
    begun_at: datetime
    result: BacktestResult | None


def try_url(call: Call, asked: TrialQuestion) -> Trial:
    """What would happen if this crawler asked for this page. Nothing is charged."""
    policy = load_policy(call.desk.database)
    form = {name: str(value).strip() for name, value in asked.model_dump().items()}
    question, errors = read_question(call.place, form, list(policy.crawlers.values()))
    if errors:
        raise Problem(Code.INVALID, fields=errors)
    edition = edition_of(call.desk.database, call.place.site_id)
    with call.desk.database.read() as connection:
        prove = prover(connection, form, call.now_micros)
    judged = judge(call.place, edition, policy, question, call.desk.classify, call.now_micros / 1_000_000, prove)
    return Trial(verdicts=tuple(_verdict(one) for one in judged))


def get_backtest(call: Call, asked: BacktestQuestion) -> Answer:
    """The draft against the traffic of some days; begun by the first who asks, and kept for ten minutes."""
    edition = edition_of(call.desk.database, call.place.site_id)
    job = backtest_draft(call.desk, call.place, edition, int(asked.days), call.now_micros)
    if job is None:
        raise Problem(Code.NOT_FOUND, "There is no draft to hold against the traffic.")
    result = None
    if job.result is not None:
        with call.desk.database.read() as connection:
            signing = frozenset(one.name for one in list_crawlers(connection))
        result = _result(view_of(job.result, signing))
    state: Literal["running", "done", "failed"] = "failed" if job.failed else "done" if job.is_done else "running"
    shown = BacktestShown(state=state, part=job.part, begun_at=at(job.begun_at_micros), result=result)
    return Answer(shown, headers={} if job.is_done else {"retry-after": "1"})


def _verdict(one: Verdict) -> VerdictShown:
    held = one.rehearsal
    return VerdictShown(
        rules=one.title,
        verdict=one.word,
        sentence=one.sentence,
        taken_for=one.identity,
        price=price_of(one.price),
        decided_by=held.match.rule.name if held.match else None,
        skipped=tuple(SkippedRule(name=each.rule.name, because=each.reason) for each in held.skipped),
        status=held.status,
        headers=tuple(Header(name=name, value=value) for name, value in held.fields),
        curl=held.curl,
    )


def _result(view: BacktestView) -> BacktestResult:
    code = view.currency
    return BacktestResult(
        requests=view.requests,
        changed=view.changed,
        live=amount(view.live_micros, code),
        difference=amount(view.difference_micros, code),
        bands=tuple(_band(one.title, one.meaning, one.live, one.draft, code) for one in view.bands),
        decisions=tuple(
            Decision(
                before=_word(one.before, code),
                after=_word(one.after, code),
                requests=one.requests,
                difference=amount(one.difference_micros, code),
            )
            for one in view.decisions
        ),
        rules=tuple(
            RuleWorth(
                name=one.name,
                live_requests=one.live_requests,
                draft_requests=one.draft_requests,
                live=amount(one.live_micros, code),
                draft=amount(one.draft_micros, code),
            )
            for one in view.rules
        ),
        caveats=tuple(Warned(text=one.text, is_warning=one.is_warning) for one in view.caveats),
    )


def _band(title: str, meaning: str, live: BandSum, draft: BandSum, code: str) -> Band:
    return Band(
        title=title,
        meaning=meaning,
        live_requests=live.requests,
        live=amount(live.amount_micros, code),
        draft_requests=draft.requests,
        draft=amount(draft.amount_micros, code),
    )


def _word(badge: Badge, code: str) -> str:
    """``Free``, ``USD 0.005``, ``402, not paid``."""
    price = "" if badge.price_micros is None else amount(badge.price_micros, code).display
    return ", ".join(part for part in (badge.word, price) if part) or "Sold"
