"""Three requests that decisions are tested with, and what a crawler hears of one."""

from __future__ import annotations

from typing import assert_never

from edge.core.decision import Admit, AskOrigin, Charge, Decision, DemandPayment, Refuse
from edge.core.money import Money
from edge.core.rules import Action, everything_else
from tests.support.scene import BROWSER, Scene, Signature

BUYING = Scene()
ASKING = Scene(user_agent="GPTBot/1.1", offers=(), signature=Signature.NONE)
LOOKING = Scene(user_agent=BROWSER, offers=(), signature=Signature.NONE)
ZERO = Money(0, "USD")
BLOCKED = everything_else(Action.BLOCK)
DEARER = everything_else(Action.CHARGE, Money(20_000, "USD"))


def heard(decision: Decision) -> str:
    """What the crawler hears when it has no earlier charge to collect."""
    match decision:
        case Refuse(code=code) | DemandPayment(code=code):
            return code.value
        case Admit(reason=reason):
            return reason.value
        case Charge(otherwise=otherwise):
            return "charge" if otherwise is None else otherwise.code.value
        case AskOrigin():
            return "ask_origin"
        case _:
            assert_never(decision)
