"""A route whose form brings a file: let in by the fields, then the file, then the page.

Any other form is read and let in as everywhere. The page owns the file from then on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from publisher_dashboard.auth import Turned, admit
from publisher_dashboard.estimates import NoRoom
from publisher_dashboard.serving import Page, endpoint, guarded, now_of, refuse_nul, wrong_name
from publisher_dashboard.uploads import BadUpload, UploadForm, read_upload
from publisher_dashboard.visit import Desk, Need, Visit

_BUSY = "Other logs are being read just now. Try again in a minute."


def upload_endpoint(desk: Desk, need: Need, page: Page) -> Callable[[Request], Awaitable[Response]]:
    """What the framework calls for a route that takes a file."""
    plain = endpoint(desk, need, page)

    async def answer(request: Request) -> Response:
        if not request.headers.get("content-type", "").startswith("multipart/"):
            return await plain(request)
        if not desk.address.answers_to(request.headers.get("host", "")):
            return wrong_name()
        taking = _Taking(desk, request, need)
        try:
            sent = await read_upload(
                request.headers["content-type"], request.stream(), desk.estimate_log_bytes, taking.let_in
            )
        except ClientDisconnect:
            taking.give_back()
            return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody is there to read it
        except Exception as why:
            taking.give_back()
            return await run_in_threadpool(guarded, desk, request, page, _raise(why))
        except BaseException:
            taking.give_back()
            raise
        assert taking.visit is not None
        visit = replace(taking.visit, sent=sent)
        return await run_in_threadpool(guarded, desk, request, page, lambda: page(visit))

    return answer


class _Taking:
    """One request on its way: who it turned out to be, and the place that its log has."""

    def __init__(self, desk: Desk, request: Request, need: Need) -> None:
        self.visit: Visit | None = None
        self._desk, self._request, self._need = desk, request, need
        self._has_place = False

    async def let_in(self, form: UploadForm) -> None:
        """Raise ``Turned`` or ``SignInFirst`` unless this person may send a file here, and there is room for it."""
        refuse_nul(self._request, form.fields)
        self.visit = await run_in_threadpool(
            admit, self._desk, self._request, self._need, form.fields, now_of(self._desk)
        )
        try:
            self._desk.estimates.take_place(self.visit.place.publisher_id)
        except NoRoom:
            raise Turned(HTTPStatus.SERVICE_UNAVAILABLE, _BUSY) from None
        self._has_place = True

    def give_back(self) -> None:
        """Nothing comes of this one."""
        if self._has_place and self.visit is not None:
            self._desk.estimates.give_back(self.visit.place.publisher_id)


def _raise(why: Exception) -> Callable[[], Response]:
    def work() -> Response:
        if isinstance(why, BadUpload):
            raise Turned(HTTPStatus.BAD_REQUEST, str(why)) from why
        raise why

    return work
