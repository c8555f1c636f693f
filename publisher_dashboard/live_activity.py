"""Follow the newest requests of a site: server-sent events, read from the table (WHATWG HTML, section 9.2).

Rules of this file
- Between two looks nothing is held: no thread, no connection. So it works however many processes write or serve.
- Every look asks again whether the session is alive and the person still belongs here; it never keeps a session alive.
- A stream ends by itself in time (``Tails``), so that a server can stop; the browser comes back with the place of
  the last row it has. Rows come late and out of order by some seconds: each look reads a little of the past again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from edge.store.activity import ActivityFilter, newest_of_site
from edge.store.people import memberships
from edge.store.sessions import find_session
from publisher_dashboard.auth import cookie_name
from publisher_dashboard.views.activity import ActivityLine, line_of, read_place
from publisher_dashboard.visit import Visit

LATE_MICROS = 15_000_000
ROWS_PER_LOOK = 50
_FULL = "retry: 30000\nevent: full\ndata: \n\n"
_OVER = "event: over\ndata: \n\n"

Draw = Callable[[ActivityLine], str]
"""Makes the HTML of one row."""


def follow(visit: Visit, wanted: ActivityFilter, draw: Draw) -> Response:
    """The stream: one event for each row, its id the row's place and its data the row's HTML."""
    return StreamingResponse(
        _events(visit, wanted, draw),
        media_type="text/event-stream",
        # Proxies would otherwise keep the events until a buffer is full.
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


async def _events(visit: Visit, wanted: ActivityFilter, draw: Draw) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    tails = visit.desk.tails
    ends = loop.time() + tails.life_seconds
    last = read_place(visit.request.headers.get("last-event-id", ""))
    began = (last[0] if last is not None else visit.now_micros) - LATE_MICROS
    sent: set[str] = set()
    with tails.place(visit.person.person_id) as is_free:
        if not is_free:
            yield _FULL
            return
        yield "retry: 2000\n\n"
        while loop.time() < ends:
            lines = await run_in_threadpool(_look, visit, wanted, began)
            if lines is None:
                yield _OVER
                return
            for line in lines:
                if line.place not in sent:
                    yield _event(line, draw)
            # What is older than the next look reads cannot come twice.
            sent = {line.place for line in lines}
            # A line that means nothing: it finds out whether anybody is there.
            yield ":\n\n"
            await asyncio.sleep(tails.look_seconds)


def _look(visit: Visit, wanted: ActivityFilter, began: int) -> list[ActivityLine] | None:
    """The newest rows, oldest first; None when whoever looks may not any more."""
    desk = visit.desk
    now_micros = int(desk.clock() * 1_000_000)
    since = max(began, now_micros - 2 * LATE_MICROS, wanted.since_micros or 0)
    with desk.database.read() as connection:
        session = find_session(connection, visit.request.cookies.get(cookie_name(desk.address), ""), now_micros)
        if session is None:
            return None
        own = {one.publisher_id for one in memberships(connection, session.person_id)}
        if visit.place.publisher_id not in own:
            return None
        narrowed = replace(wanted, since_micros=since, before=None)
        rows = newest_of_site(connection, visit.place.site_id, narrowed, ROWS_PER_LOOK)
    return [line_of(row, visit.place.currency) for row in reversed(rows)]


def _event(line: ActivityLine, draw: Draw) -> str:
    data = "".join(f"data: {part}\n" for part in draw(line).splitlines())
    return f"id: {line.place}\n{data}\n"
