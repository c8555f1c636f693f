"""One person's hand in a browser: opens addresses and sends the forms that pages have, and says where to look.

Rules of this file: a form is filled in by the names of its fields and sent as it is, token and hidden fields included;
the browser's own checks are left out, because it is the dashboard's answer that is wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Protocol, runtime_checkable

from playwright.sync_api import Page, Response

from edge.store.people import add_person, find_person
from tests.support.browser_window import Served
from tests.support.newsroom import PASSWORD, quick_passwords

SEND = """([action, fields]) => {
  // By attributes: a field named "action" stands in the way of the form's own property.
  const goes = (one) => new URL(one.getAttribute("action") || "", location.href).pathname;
  const form = [...document.forms].find((one) => one.getAttribute("method") === "post" && goes(one) === action);
  if (!form) throw new Error(`no form is sent to ${action}`);
  for (const [name, wanted] of Object.entries(fields)) {
    const found = [...form.elements].filter((one) => one.name === name);
    if (!found.length) throw new Error(`the form to ${action} has no field ${name}`);
    for (const one of found) {
      if (one.type === "radio" || one.type === "checkbox") one.checked = [wanted].flat().includes(one.value);
      else one.value = wanted;
    }
  }
  form.noValidate = true;
  setTimeout(() => form.requestSubmit());
}"""


@dataclass(frozen=True, slots=True)
class Stop:
    """A page as it is now, in a few words.

    ``is_paper`` for what people print too; ``is_narrow`` for what there is in a narrow window alone; ``is_variant`` for
    a screen with a little more or less.
    """

    name: str
    is_paper: bool = False
    is_narrow: bool = False
    is_variant: bool = False


@runtime_checkable
class Watch(Protocol):
    """A clock that can be turned on."""

    def pass_minutes(self, minutes: float) -> None:
        """Let time pass."""


@dataclass(slots=True)
class Hand:
    """One person's hand in a browser; ``status`` is that of the page that came last."""

    page: Page
    served: Served
    status: int = 0

    def go(self, path: str) -> None:
        """Open an address."""
        self._took(self.page.goto(path))

    def send(self, action: str, /, **fields: str | Sequence[str]) -> None:
        """Fill in the form of the page that is sent to ``action`` and send it, unseen by the browser's own checks."""
        with self.page.expect_navigation() as coming:
            self.page.evaluate(SEND, [action, fields])
        self._took(coming.value)

    def post(self, action: str, /, **fields: str) -> None:
        """Send a form without showing what is answered."""
        form: dict[str, str | float | bool] = dict(fields)
        self.page.request.post(action, form=form, headers={"origin": self.served.address})

    def submit(self, path: str, action: str, /, **fields: str | Sequence[str]) -> None:
        """Open a page, then send its form."""
        self.go(path)
        self.send(action, **fields)

    def stop(self, name: str, status: int = 200, *, is_paper: bool = False, is_narrow: bool = False) -> Stop:
        """Something to look at, which came with this status."""
        assert self.status == status, f"{name}: {self.status} and not {status}, on {self.page.url}"
        return Stop(name, is_paper, is_narrow, status == HTTPStatus.UNPROCESSABLE_ENTITY)

    def variant(self, name: str) -> Stop:
        """The screen that came, as somebody sees it who may do less."""
        return replace(self.stop(name), is_variant=True)

    def pass_minutes(self, minutes: float) -> None:
        """Let time pass for the dashboard."""
        clock: object = self.served.clock
        assert isinstance(clock, Watch), "this dashboard's clock cannot be turned on"
        clock.pass_minutes(minutes)

    def person(self, email: str) -> int:
        """Somebody with an account, made if there is none yet."""
        with self.served.database.write() as connection:
            found = find_person(connection, email)
            return (found or add_person(connection, email, quick_passwords().hash(PASSWORD), self.now)).person_id

    @property
    def now(self) -> int:
        """The dashboard's time in microseconds."""
        return int(self.served.clock() * 1_000_000)

    def _took(self, answer: Response | None) -> None:
        assert answer is not None, "a page came"
        self.status = answer.status
