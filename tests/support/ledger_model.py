"""What the ledger promises of signed requests, written from docs/money and not from the code.

Amounts in micro-units. Per request the model knows what was taken, what is known of the delivery, and what the crawler
may still collect; per crawler what is left, and how often it was paid back today.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from edge.core.ledger_afterwards import FREE_REDELIVERIES_PER_DAY, REVERSALS_PER_DAY
from edge.core.month import Month
from tests.support.books import PRICE

DAY_MICROS = 86_400_000_000
COST = PRICE.amount_micros
OVER = frozenset({"new", "given back", "over"})


@dataclass
class Request:
    """One signed request: ``new``, ``held``, ``paid``, ``suspended``, ``given back`` (may fetch), or ``over``."""

    phase: str = "new"
    attempt: int = 0
    writer: int | None = None
    position: tuple[int, int] | None = None
    delivered: bool = False
    waited: bool = False
    recollected: bool = False
    credited: int = 0
    waits_since: int = 0

    def open(self, writer: int | None) -> None:
        """A new attempt begins with nothing known."""
        self.__init__("held", self.attempt + 1, writer)  # type: ignore[misc]

    @property
    def was_paid(self) -> bool:
        """Whether this attempt was ever paid for."""
        return self.position is not None

    @property
    def may_wait(self) -> bool:
        """Whether its money may still go into suspense."""
        return self.phase == "paid" and not (self.delivered or self.waited or self.credited)

    @property
    def is_used_up(self) -> bool:
        """Whether an old signature cannot collect it any more."""
        return self.delivered or (self.phase == "paid" and self.recollected)


@dataclass
class Payer:
    """A crawler's account, and the times at which it was paid back and served for nothing."""

    floor: int = 0
    left: int = 0
    reversals: list[int] = field(default_factory=list)
    redeliveries: list[int] = field(default_factory=list)

    def may_be_paid_back(self, now: int) -> bool:
        return sum(time > now - DAY_MICROS for time in self.reversals) < REVERSALS_PER_DAY

    def may_fetch_for_nothing(self, now: int) -> bool:
        return sum(time > now - DAY_MICROS for time in self.redeliveries) < FREE_REDELIVERIES_PER_DAY


@dataclass
class Model:
    """Everything of one run; each method answers with the name of the outcome that is due, and moves the money."""

    payers: list[Payer]
    now: int
    earned: int = 0
    requests: dict[tuple[int, int], Request] = field(default_factory=dict)

    def request(self, crawler: int, number: int) -> Request:
        return self.requests.setdefault((crawler, number), Request())

    def sum_of(self, phase: str) -> int:
        """What lies in holds or in suspense."""
        return COST * sum(one.phase == phase for one in self.requests.values())

    # Selling

    def order(self, crawler: int, request: Request, *, only: bool, small: bool, writer: int | None) -> str:
        """A POST (``small``) or HOLD of this request."""
        payer = self.payers[crawler]
        if request.phase in ("paid", "suspended"):
            if only and request.is_used_up:
                return "NoRight"
            if small:
                self.collect(request, only=only)
            return "Posted again"
        if request.phase == "held" and not only:
            if small:
                self.earn(request)
                return "Posted"
            return "Held again"
        if request.phase == "given back" and payer.may_fetch_for_nothing(self.now):
            payer.redeliveries.append(self.now)
            request.phase = "over"
            return "Redelivery"
        if only:
            return "NoRight"
        return self.charge(payer, request, small=small, writer=writer)

    def charge(self, payer: Payer, request: Request, *, small: bool, writer: int | None) -> str:
        if payer.left - COST < payer.floor:
            return "InsufficientFunds"
        payer.left -= COST
        request.open(writer)
        if small:
            self.earn(request)
        return "Posted" if small else "Held"

    def earn(self, request: Request) -> None:
        request.phase = "paid"
        self.earned += COST

    def collect(self, request: Request, *, only: bool) -> None:
        if request.phase == "suspended":
            self.earn(request)
        elif only:
            request.recollected = True

    def settle(self, crawler: int, request: Request, writer: int | None, *, only: bool) -> str:
        if only and (request.phase in OVER or (request.was_paid and request.is_used_up)):
            return "Lost"
        if request.phase in OVER:
            answer = self.charge(self.payers[crawler], request, small=True, writer=writer)
            return "Lost" if answer == "InsufficientFunds" else answer
        if request.phase == "held":
            self.earn(request)
            return "Posted"
        self.collect(request, only=only)
        return "Posted again"

    def void(self, crawler: int, request: Request, attempt: int) -> None:
        if request.phase == "held" and request.attempt == attempt:
            request.phase = "new"
            self.payers[crawler].left += COST

    def break_off(self, crawler: int, request: Request, attempt: int, *, only: bool) -> str:
        """The client left with a part of a large page: paid back so often a day, then paid and waiting."""
        if request.phase in ("paid", "suspended"):
            if not request.is_used_up:
                self.collect(request, only=only)
            return "Voided"
        if request.phase != "held" or request.attempt != attempt:
            return "Voided"
        payer = self.payers[crawler]
        if payer.may_be_paid_back(self.now):
            payer.reversals.append(self.now)
            self.void(crawler, request, attempt)
            return "Voided"
        request.phase, request.waited, request.waits_since = "suspended", True, self.now
        return "Suspended"

    # Afterwards

    def reverse(self, crawler: int, request: Request, *, refund: bool) -> str:
        payer = self.payers[crawler]
        if not request.was_paid:
            return "NotReversed"
        if request.phase not in ("paid", "suspended"):
            return "Reversed again"
        if request.credited:
            return "NotReversed"
        if refund:
            self.pay_back(payer, request, "over")
            return "Reversed"
        if request.phase == "suspended":
            return "Suspended again"
        if request.delivered:
            return "NotReversed"
        if payer.may_be_paid_back(self.now):
            payer.reversals.append(self.now)
            self.pay_back(payer, request, "over" if request.recollected else "given back")
            return "Reversed"
        return "Suspended" if self.suspend(request) == "Suspended" else "NotReversed"

    def pay_back(self, payer: Payer, request: Request, phase: str) -> None:
        self.earned -= COST if request.phase == "paid" else 0
        request.phase = phase
        payer.left += COST

    def suspend(self, request: Request) -> str:
        if request.phase == "suspended":
            return "Suspended again"
        if not request.may_wait:
            return "NotSuspended"
        request.phase, request.waited, request.waits_since = "suspended", True, self.now
        self.earned -= COST
        return "Suspended"

    def credit_note(self, crawler: int, request: Request, amount: int) -> str:
        if request.phase != "paid" or request.credited + amount > COST:
            return "NotAdjusted"
        request.credited += amount
        self.payers[crawler].left += amount
        self.earned -= amount
        return "Recorded"

    def process_dies(self, writer: int | None) -> None:
        """Whoever comes next gives its holds back and suspends what nobody confirmed."""
        for (crawler, _), request in self.requests.items():
            if request.phase == "held" and request.writer == writer:
                self.void(crawler, request, request.attempt)
            elif request.position is not None and request.position[0] == writer:
                self.suspend(request)

    def day_passes(self) -> None:
        """What has waited for a day is concluded, the oldest first."""
        self.now += DAY_MICROS
        due = [
            (one.waits_since, crawler, one)
            for (crawler, _), one in self.requests.items()
            if one.phase == "suspended" and one.waits_since <= self.now - DAY_MICROS
        ]
        for _, crawler, request in sorted(due, key=lambda each: each[0]):
            payer = self.payers[crawler]
            if not request.delivered and payer.may_be_paid_back(self.now):
                payer.reversals.append(self.now)
                self.pay_back(payer, request, "over")
            else:
                self.earn(request)


@dataclass
class Months:
    """What each month came to for the publisher, and the operator's share of those that are closed."""

    share_ppm: int
    nets: dict[Month, int] = field(default_factory=dict)
    closed: list[Month] = field(default_factory=list)
    owed: int = 0

    def note(self, now: int, earned: int) -> None:
        """So much was earned just now, or given back."""
        month = Month.of(now)
        self.nets[month] = self.nets.get(month, 0) + earned

    def open_until(self, last: Month) -> list[Month]:
        """The months that must be closed, in order, to close this one."""
        return sorted(month for month in self.nets if month <= last and month not in self.closed)

    def close(self, month: Month) -> int:
        """The fee: of what the month came to, after what earlier ones lacked, rounded down."""
        self.closed.append(month)
        basis = self.nets[month] + self.owed
        self.owed = min(basis, 0)
        return max(basis, 0) * self.share_ppm // 1_000_000
