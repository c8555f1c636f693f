"""Drive a flow over real HTTP: one request at a time, streamed, no redirects, nothing decoded unasked.

Rules of this file: exactly the headers that were signed are sent; a body counts as whole when the framing says so (the
length it announced, or the last chunk), and is finished into the sink only then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TypeAlias, assert_never

import httpx2

from edge.client.flow import Body, Event, Flow, Head, NoAnswer, Send, Step, TakeBody
from edge.client.outcomes import Outcome
from edge.client.page_file import PageSink
from edge.client.page_url import authority
from edge.core.fields import collect

Progress: TypeAlias = Callable[[int, int | None], None]
"""Called with the bytes that came so far and the length announced, if any."""

Route: TypeAlias = tuple[str, int]

CONNECT_SECONDS = 10.0
REFUSAL_BYTES_MAX = 65_536

# Raised before a byte of the request can have left.
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError, httpx2.UnsupportedProtocol)


class Session:
    """Connections of one crawler; a context manager.

    ``routes`` sends the connections of an authority (``host`` or ``host:port``) to another host and port, as before a
    name points to a new edge; name, certificate check and signature stay those of the URL. ``timeout_seconds`` limits
    each wait for the server. ``use_environment`` takes proxies and certificate authorities from the environment.
    """

    def __init__(
        self,
        sink: PageSink,
        *,
        timeout_seconds: float = 30.0,
        routes: Mapping[str, Route] | None = None,
        use_environment: bool = True,
        progress: Progress | None = None,
    ) -> None:
        self._sink = sink
        self._routes = dict(routes or {})
        self._progress = progress
        self._client = httpx2.Client(
            follow_redirects=False,
            timeout=httpx2.Timeout(timeout_seconds, connect=min(timeout_seconds, CONNECT_SECONDS)),
            trust_env=use_environment,
        )
        # Only what was signed is sent, nothing of the library's own choice.
        self._client.headers.clear()
        self._answer: httpx2.Response | None = None

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drop()
        self._client.close()
        self._sink.close()

    def run(self, flow: Flow) -> Outcome:
        """Carry out what the flow says until it has an outcome."""
        try:
            step = next(flow)
            while True:
                step = flow.send(self._carry_out(step))
        except StopIteration as done:
            outcome: Outcome = done.value
            return outcome

    def _carry_out(self, step: Step) -> Event:
        match step:
            case Send():
                return self._send(step)
            case TakeBody():
                return self._take_body(step.keep)
            case _ as unreachable:
                assert_never(unreachable)

    def _send(self, step: Send) -> Head | NoAnswer:
        self._drop()
        self._client.cookies.clear()  # an answer's cookie would be a header that nobody signed
        try:
            self._answer = self._client.send(self._request(step), stream=True)
        except _NOT_SENT as why:
            return NoAnswer(_reason(why), was_sent=False)
        except httpx2.TransportError as why:
            return NoAnswer(_reason(why), was_sent=True)
        fields, _ = collect(self._answer.headers.multi_items())
        return Head(self._answer.status_code, fields)

    def _request(self, step: Send) -> httpx2.Request:
        url = httpx2.URL(step.url)
        route = self._routes.get(authority(step.url))
        if route is None:
            return self._client.build_request(step.method, url, headers=step.headers)
        host, port = route
        return self._client.build_request(
            step.method,
            url.copy_with(host=host, port=port),
            headers=[("host", authority(step.url)), *step.headers],
            extensions={"sni_hostname": url.raw_host.decode("ascii")},
        )

    def _take_body(self, keep: bool) -> Body:
        answer = self._answer
        assert answer is not None, "a body is taken after a head came"
        announced = _length(answer.headers.get("content-length"))
        received = 0
        if keep:
            self._sink.restart()
        try:
            for chunk in answer.iter_bytes():
                received += len(chunk)
                if keep:
                    self._sink.write(chunk)
                    self._report(answer.num_bytes_downloaded, announced)
                elif received > REFUSAL_BYTES_MAX:
                    break
        except (httpx2.TransportError, httpx2.DecodingError) as why:
            return Body(received, _reason(why))
        finally:
            self._drop()
        if keep and announced is not None and answer.num_bytes_downloaded != announced:
            return Body(received, f"{answer.num_bytes_downloaded} of {announced} bytes came")
        if keep:
            self._sink.finish()
        return Body(received)

    def _report(self, received_bytes: int, announced_bytes: int | None) -> None:
        if self._progress is not None:
            self._progress(received_bytes, announced_bytes)

    def _drop(self) -> None:
        if self._answer is not None:
            self._answer.close()
            self._answer = None


def _length(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _reason(why: Exception) -> str:
    return str(why).strip().rstrip(".") or type(why).__name__
