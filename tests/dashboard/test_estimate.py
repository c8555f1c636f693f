"""An access log is sent, read and gone; what is left are sums, for an hour or until somebody deletes them."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import re
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from threading import Event
from typing import Any, BinaryIO

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from edge.cli.estimate_process import estimate_apart
from edge.core.catalogue import Catalogue
from edge.core.log_reading import UnreadableLog
from edge.core.log_result import LogEstimate
from edge.store.database import Database
from publisher_dashboard.app import create_app
from publisher_dashboard.estimates import PLACES, PUBLISHER_PLACES, Progress, Task, estimate_here
from publisher_dashboard.uploads import FIELD_BYTES_MAX, BadUpload, UploadForm, read_upload
from tests.dashboard.conftest import FROM_HERE, ORIGIN, Browser, Clock, House
from tests.support.newsroom import CANARY, quick_passwords

PAGE = "/sites/harbour.example/estimate"
PERSON = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
LIMIT = 100_000


def line(hour: int, agent: str, path: str = "/articles/one", host: str = "") -> str:
    asked = f'[20/Nov/2026:{hour:02}:00:00 +0000] "GET {path} HTTP/1.1" 200 1 "-" "{agent}"\n'
    return f"{host}192.0.2.77 - - {asked}"


LOG = (line(0, PERSON) + line(1, "GPTBot/1.2") * 3 + line(10, "Secret-Agent-Text bot/1", "/secret-path")).encode()


class Reader:
    """Reads logs in this process, when it may."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.may_read = Event()
        self.may_read.set()
        self.tasks: list[Task] = []
        self._run = estimate_here(catalogue.classify)

    def __call__(self, task: Task, log: BinaryIO, progress: Progress) -> LogEstimate:
        self.tasks.append(task)
        self.may_read.wait(60)
        if task.host == "broken":
            raise UnreadableLog("broken")
        return self._run(task, log, progress)


class Desk:
    """A dashboard that takes small logs."""

    def __init__(self, url: str, catalogue: Catalogue) -> None:
        self.database, self.clock, self.reader = Database.open(url), Clock(), Reader(catalogue)
        self._passwords = quick_passwords()
        self.app = create_app(
            self.database,
            catalogue.classify,
            clock=self.clock,
            passwords=self._passwords,
            run_estimate=self.reader,
            estimate_log_bytes=LIMIT,
        )

    def signed_in(self, email: str = "editor@harbour.example") -> Browser:
        browser = Browser(TestClient(self.app, base_url=ORIGIN, client=("203.0.113.7", 50_000)))
        assert browser.sign_in(email).status_code == 303
        return browser

    def close(self) -> None:
        self.reader.may_read.set()
        self._passwords.close()
        self.database.close()


@pytest.fixture
def desk(sqlite_newsroom_url: str, catalogue: Catalogue) -> Iterator[Desk]:
    made = Desk(sqlite_newsroom_url, catalogue)
    yield made
    made.close()


def send(browser: Browser, log: bytes = LOG, *, name: str = "access.log", page: str = PAGE, **fields: str) -> Response:
    values = {"token": browser.csrf, "rules": "live", "price": "0.005", "unit": "page", **fields}
    files: Any = {"log": (name, log)}
    answer: Response = browser.client.post(page, data=values, files=files, headers=FROM_HERE, follow_redirects=False)
    return answer


def finished(browser: Browser, answer: Response) -> Response:
    """The page of a log that was sent, when it has been read."""
    assert answer.status_code == 303, answer.text
    while True:
        page = browser.get(answer.headers["location"])
        if "refresh" not in page.headers:
            return page
        time.sleep(0.01)


def test_a_log_is_read_and_its_worth_shown(desk: Desk) -> None:
    browser = desk.signed_in()
    page = finished(browser, send(browser)).text
    assert "access.log" in page
    assert "Version 4, live" in page
    assert "GPTBot" in page
    assert "5 requests in 10 hours" in page
    assert "A month at this pace" in page


@pytest.mark.parametrize(
    ("rules", "fields", "named"),
    [
        ("draft", {}, "The draft"),
        ("training", {"price": "5", "unit": "thousand"}, "Charge training crawlers, at USD 0.005"),
        ("bots", {"price": "0.01"}, "Charge every bot but search and assistants, at USD 0.01"),
    ],
)
def test_the_rules_are_the_drafts_or_a_presets_at_a_price(
    desk: Desk, rules: str, fields: dict[str, Any], named: str
) -> None:
    browser = desk.signed_in()
    assert named in finished(browser, send(browser, rules=rules, **fields)).text


def test_a_packed_log_is_read_too(desk: Desk) -> None:
    browser = desk.signed_in()
    assert "5 requests" in finished(browser, send(browser, gzip.compress(LOG), name="access.log.2.gz")).text


def test_lines_of_other_hosts_are_left_out_only_where_that_is_wanted(desk: Desk) -> None:
    browser = desk.signed_in()
    log = "".join(line(hour, "GPTBot/1.2", host="www.elsewhere.example:443 ") for hour in (1, 3)).encode()
    assert "are of other hosts than harbour.example" in finished(browser, send(browser, log, own_host="on")).text
    assert "2 requests" in finished(browser, send(browser, log)).text


def test_nothing_of_the_log_is_left_but_sums(desk: Desk, tmp_path: Path) -> None:
    browser = desk.signed_in()
    answer = send(browser, LOG + b"not a line of a log, of 192.0.2.78\n")
    assert "not a line of a log" in finished(browser, answer).text
    job = answer.headers["location"].partition("of=")[2]
    kept = browser.post(f"{PAGE}/keep", {"of": job})
    assert "Version 4, live" in browser.get(kept.headers["location"]).text
    with desk.database.read() as connection:
        stored = str(list(map(tuple, connection.exec_driver_sql("SELECT * FROM log_estimate"))))
    assert "GPTBot" in stored
    for secret in ("192.0.2", "secret-path", "Secret-Agent", "articles", "not a line"):
        assert secret not in stored


def test_a_result_is_forgotten_after_an_hour_and_a_kept_one_is_not(desk: Desk) -> None:
    browser = desk.signed_in()
    first, second = send(browser), send(browser)
    for answer in (first, second):
        finished(browser, answer)
    kept = browser.post(f"{PAGE}/keep", {"of": first.headers["location"].partition("of=")[2]}).headers["location"]
    desk.clock.pass_minutes(61)
    browser.sign_in("editor@harbour.example")
    assert browser.get(second.headers["location"]).status_code == 404
    assert browser.get(kept).status_code == 200
    assert browser.post(f"{PAGE}/delete", {"kept": re.sub(r".*kept=(\d+).*", r"\1", kept)}).status_code == 303
    assert browser.get(kept).status_code == 404
    assert browser.post(f"{PAGE}/keep", {"of": "gone"}).status_code == 404


def test_one_may_leave_while_a_log_is_read_and_come_back(desk: Desk) -> None:
    browser = desk.signed_in()
    desk.reader.may_read.clear()
    answer = send(browser)
    waiting = browser.get(answer.headers["location"])
    assert waiting.headers["refresh"] == "2"
    assert "<progress" in waiting.text
    assert "reading" in browser.get(PAGE).text
    desk.reader.may_read.set()
    assert "GPTBot" in finished(browser, answer).text


def test_a_file_that_is_no_log_says_so(desk: Desk) -> None:
    browser = desk.signed_in()
    page = finished(browser, send(browser, b"hello\n" * 5)).text
    assert "No line of this can be read as an access log" in page
    assert "Choose another" in page


@pytest.mark.parametrize(
    ("log", "fields", "field"),
    [
        (b"", {}, "log"),
        (b"x" * (LIMIT + 1), {}, "log"),
        (LOG, {"rules": ""}, "rules"),
        (LOG, {"rules": "nonsense"}, "rules"),
        (LOG, {"rules": "training", "price": ""}, "price"),
        (LOG, {"rules": "training", "price": "dear"}, "price"),
    ],
)
def test_a_mistake_is_said_at_its_field_and_what_was_chosen_is_kept(
    desk: Desk, log: bytes, fields: dict[str, Any], field: str
) -> None:
    browser = desk.signed_in()
    answer = send(browser, log, **fields)
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert f'value="{fields.get("price", "0.005")}"' in answer.text
    assert desk.reader.tasks == []
    finished(browser, send(browser))  # the place that the mistake had is free again


def test_a_log_without_the_sessions_token_is_refused_before_it_is_read(desk: Desk) -> None:
    browser = desk.signed_in()
    for token in ("", "guessed"):
        assert send(browser, token=token).status_code == 403
    files: Any = {"log": ("a", LOG)}
    foreign = {**FROM_HERE, "sec-fetch-site": "cross-site"}
    answer = browser.client.post(PAGE, data={"token": browser.csrf}, files=files, headers=foreign)
    assert answer.status_code == 403
    assert desk.reader.tasks == []


def test_a_token_behind_the_file_comes_too_late(desk: Desk) -> None:
    browser = desk.signed_in()
    files: Any = [("log", ("a", LOG)), ("token", (None, browser.csrf))]
    answer = browser.client.post(PAGE, files=files, headers=FROM_HERE, follow_redirects=False)
    assert answer.status_code == 403


def test_whoever_breaks_off_leaves_the_place_free(desk: Desk) -> None:
    browser = desk.signed_in()
    fields = f'--b\r\nContent-Disposition: form-data; name="token"\r\n\r\n{browser.csrf}\r\n--b\r\n'
    begun = fields + 'Content-Disposition: form-data; name="log"; filename="a"\r\n\r\nhalf a lo'
    cookies = "; ".join(f"{name}={value}" for name, value in browser.client.cookies.items())
    headers = {
        **FROM_HERE,
        "host": "127.0.0.1:8403",
        "content-type": "multipart/form-data; boundary=b",
        "cookie": cookies,
    }
    for ends in [{"type": "http.disconnect"}] * (PLACES + 1) + [asyncio.CancelledError()] * (PLACES + 1):
        break_off(desk, headers, begun.encode(), ends)
    finished(browser, send(browser))


def break_off(desk: Desk, headers: dict[str, str], begun: bytes, ends: Any) -> None:
    messages: list[Any] = [{"type": "http.request", "body": begun, "more_body": True}, ends]

    async def receive() -> Any:
        message = messages.pop(0)
        if isinstance(message, BaseException):
            raise message
        return message

    async def send(message: Any) -> None:
        assert message.get("status", 400) == 400

    scope = {
        "type": "http", "method": "POST", "path": PAGE, "raw_path": PAGE.encode(), "query_string": b"",
        "scheme": "http", "http_version": "1.1",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("203.0.113.7", 50_000), "server": ("127.0.0.1", 8403), "root_path": "",
    }  # fmt: skip
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(desk.app(scope, receive, send))


def test_a_field_behind_the_file_is_no_part_of_the_log(desk: Desk) -> None:
    browser = desk.signed_in()
    values = [("token", browser.csrf), ("rules", "live")]
    files: Any = [*((name, (None, value)) for name, value in values), ("log", ("a", LOG)), ("more", (None, "x" * 900))]
    page = finished(browser, browser.client.post(PAGE, files=files, headers=FROM_HERE, follow_redirects=False)).text
    assert "5 requests" in page
    assert "Every line could be read" in page


@pytest.mark.parametrize(("parts", "size"), [(300, 1), (3, 60_000), (1, 200_000)])
def test_a_form_of_many_or_large_fields_is_refused_before_anybody_is_known(desk: Desk, parts: int, size: int) -> None:
    files: Any = [(f"field-{number}", (None, "x" * size)) for number in range(parts)]
    client = TestClient(desk.app, base_url=ORIGIN)
    answer = client.post(PAGE, files=files, headers=FROM_HERE, follow_redirects=False)
    assert answer.status_code == 400


@pytest.mark.parametrize("begins", [b"--b", b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n', b""])
def test_a_form_without_an_end_is_read_to_a_bound(begins: bytes) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        yield begins
        while True:
            read += 1_000
            yield b"x" * 1_000

    async def nobody(form: UploadForm) -> None:
        raise AssertionError("nobody is known yet")

    with pytest.raises(BadUpload):
        asyncio.run(read_upload("multipart/form-data; boundary=b", endless(), LIMIT, nobody))
    assert read <= 3 * FIELD_BYTES_MAX


def test_who_may_not_edit_sends_nothing_and_sees_what_was_kept(desk: Desk) -> None:
    editor, viewer = desk.signed_in(), desk.signed_in("viewer@harbour.example")
    answer = send(editor)
    finished(editor, answer)
    kept = editor.post(f"{PAGE}/keep", {"of": answer.headers["location"].partition("of=")[2]}).headers["location"]
    assert send(viewer).status_code == 403
    assert "access.log" in viewer.get(kept).text
    assert "Your role is viewer" in viewer.get(PAGE).text


def test_a_result_of_another_site_is_not_found(desk: Desk) -> None:
    browser = desk.signed_in()
    answer = send(browser)
    finished(browser, answer)
    kept = browser.post(f"{PAGE}/keep", {"of": answer.headers["location"].partition("of=")[2]}).headers["location"]
    again = send(browser)
    finished(browser, again)
    for where in (kept, again.headers["location"]):
        assert browser.get(where.replace("harbour", "kitchen.harbour", 1)).status_code == 404
    for where in (kept, again.headers["location"]):
        name, _, value = where.partition("?")[2].partition("&")[0].partition("=")
        browser.post("/sites/kitchen.harbour.example/estimate/delete", {name: value})
        assert browser.get(where).status_code == 200


def test_only_so_many_logs_wait_at_once(desk: Desk) -> None:
    browser = desk.signed_in()
    desk.reader.may_read.clear()
    answers = [send(browser) for _ in range(PUBLISHER_PLACES)]
    assert send(browser).status_code == 503
    assert PUBLISHER_PLACES < PLACES, "another publisher's log still has room"
    other = desk.signed_in(f"editor@{CANARY}.example")
    theirs = send(other, page=f"/sites/{CANARY}.example/estimate")
    assert theirs.status_code == 303
    desk.reader.may_read.set()
    for answer in answers:
        finished(browser, answer)
    finished(browser, send(browser))


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"nonsense"),
        ("multipart/mixed; boundary=b", b"--b--"),
        (f"multipart/form-data; boundary={'b' * 3_000}", b"--b"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="token"\r\n\r\n\xff\r\n--b--',
        ),
    ],
)
def test_a_body_that_is_no_form_is_refused(desk: Desk, content_type: str, body: bytes) -> None:
    browser = desk.signed_in()
    headers = {**FROM_HERE, "content-type": content_type}
    answer = browser.client.post(PAGE, content=body, headers=headers, follow_redirects=False)
    assert answer.status_code in (400, 403)


def test_a_process_of_its_own_says_the_same(quick_house: House, catalogue: Catalogue, tmp_path: Path) -> None:
    from edge.store.rulesets import live_version

    with quick_house.database.read() as connection:
        live = live_version(connection, quick_house.newsroom.site.site_id)
    assert live is not None
    task = Task("harbour.example", "USD", False, live.rules, (), False, 10**6)
    log = tmp_path / "access.log"
    log.write_bytes(LOG)
    read: list[int] = []
    with log.open("rb") as one, log.open("rb") as other:
        assert estimate_apart(None)(task, one, read.append) == estimate_here(catalogue.classify)(
            task, other, read.append
        )
    assert read == [len(LOG)] * 2
    with (tmp_path / "no.log").open("w+b") as nothing:
        nothing.write(b"nothing\n")
        nothing.seek(0)
        with pytest.raises(UnreadableLog, match="no line of this"):
            estimate_apart(None)(task, nothing, read.append)
