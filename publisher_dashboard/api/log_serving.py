"""An operation whose body is an access log: let in by the token first, then the log, then the work.

Rules of this file
- Not a byte of a log is taken before the token, the scope, the site and the parameters were looked at and a place was
  free; that a log is too large is said before it is sent, where its sender tells how large it is.
- The log goes to a file without a name. The work owns it, and the place, from the moment that it begins the job.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from publisher_dashboard.api.operations import Call, Operation
from publisher_dashboard.api.problems import Code, Problem
from publisher_dashboard.api.rates import Limits
from publisher_dashboard.api.serving import admit, guarded, read_query, write
from publisher_dashboard.api.values import Model
from publisher_dashboard.estimates import NoRoom
from publisher_dashboard.log_results import log_problem
from publisher_dashboard.uploads import DRAINED_TIMES, Upload
from publisher_dashboard.visit import Desk

_NO_ROOM = "Other logs are being read just now. Try again in a minute."
_A_FORM = "Send the log itself as the body, not a form."


def log_endpoint(desk: Desk, operation: Operation, limits: Limits) -> Callable[[Request], Awaitable[Response]]:
    """What the framework calls for one operation that takes a log."""

    async def answer(request: Request) -> Response:
        if not desk.address.answers_to(request.headers.get("host", "")):
            return Problem(Code.WRONG_NAME).answer()
        taking = _Taking(desk, operation, limits, request)
        refusal = await run_in_threadpool(taking.let_in)
        if refusal is not None:
            return refusal
        try:
            await _read(request.stream(), taking.upload, desk.estimate_log_bytes)
        except ClientDisconnect:
            taking.give_back()
            return Response(status_code=400)  # nobody is there to read it
        except BaseException:
            taking.give_back()
            raise
        return await run_in_threadpool(taking.work)

    return answer


class _Taking:
    """One request on its way: who it turned out to be, and the log as it comes."""

    def __init__(self, desk: Desk, operation: Operation, limits: Limits, request: Request) -> None:
        self._desk, self._operation, self._limits, self._request = desk, operation, limits, request
        self._taken: tuple[Call, Model, Upload] | None = None

    @property
    def upload(self) -> Upload:
        """Where the log goes; only for who was let in."""
        assert self._taken is not None, "nobody was let in"
        return self._taken[2]

    def let_in(self) -> Response | None:
        """Take a place for the log, or say why not."""
        refusal = guarded(self._operation, self._let_in)
        return refusal if self._taken is None else None

    def work(self) -> Response:
        """Have the log read; it goes when it cannot be."""
        return guarded(self._operation, self._work)

    def give_back(self) -> None:
        """Nothing comes of this one."""
        assert self._taken is not None, "nothing was taken"
        self.upload.file.close()
        self._desk.estimates.give_back(self._taken[0].publisher_id)

    def _let_in(self) -> Response:
        call = admit(self._desk, self._operation, self._limits, self._request)
        asked = read_query(self._operation, self._request)
        if self._request.headers.get("content-type", "").lower().startswith("multipart/"):
            raise Problem(Code.UNREADABLE, _A_FORM)
        length = self._request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._desk.estimate_log_bytes:
            raise self._too_large()
        upload = Upload("", tempfile.TemporaryFile())  # noqa: SIM115 -- closed by whoever takes it
        try:
            self._desk.estimates.take_place(call.publisher_id)
        except NoRoom:
            upload.file.close()
            raise Problem(Code.BUSY, _NO_ROOM, headers={"retry-after": "60"}) from None
        self._taken = (call, asked, upload)
        return Response()

    def _work(self) -> Response:
        assert self._taken is not None, "nobody was let in"
        call, asked, upload = self._taken
        try:
            if upload.size > self._desk.estimate_log_bytes:
                raise self._too_large()
            upload.file.seek(0)
            return write(self._operation.work(call, asked, upload))
        except BaseException:
            self.give_back()
            raise

    def _too_large(self) -> Problem:
        return Problem(Code.TOO_LARGE, log_problem(self._desk, None, too_large=True))


async def _read(chunks: AsyncIterator[bytes], upload: Upload, limit: int) -> None:
    """Read a log into its file; what is too large is read on for a while, so that its sender can read the answer."""
    async for chunk in chunks:
        upload.size += len(chunk)
        if upload.size <= limit:
            upload.file.write(chunk)
        if upload.size > DRAINED_TIMES * limit:
            break
