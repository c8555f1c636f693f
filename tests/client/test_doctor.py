"""The crawler's doctor: each thing that would keep it from paying is found, and said with what to do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import orjson
import pytest

from edge.client.cli import run
from edge.client.fake_edge import FakeEdge, Reply
from edge.client.identity import load_key, make_key_file
from edge.core.directory import MEDIA_TYPE, build_directory
from edge.core.keys import new_private_key, public_half, public_keys_to_jwks

Answer = tuple[int, dict[str, str], bytes]


@contextmanager
def publishing(answer: Answer) -> Iterator[str]:
    """A crawler's own host on loopback; gives the agent's address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = answer
            self.send_response_only(status)
            for name, value in {"Date": formatdate(usegmt=True), **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Tests keep their output to themselves."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    make_key_file(tmp_path / "bot.pem")
    return tmp_path / "bot.pem"


def examined(
    capfd: pytest.CaptureFixture[str], key_file: Path, agent: str, *more: str
) -> tuple[int, dict[str, tuple[bool | None, str]]]:
    capfd.readouterr()
    code = run(["doctor", "--key", str(key_file), "--agent", agent, "--json", *more])
    found = orjson.loads(capfd.readouterr().out)["findings"]
    return code, {one["check"]: (one["is_good"], one["says"]) for one in found}


def good_answer(key_file: Path) -> Answer:
    body = public_keys_to_jwks([public_half(load_key(key_file))])
    return 200, {"Content-Type": MEDIA_TYPE}, body


def test_a_crawler_that_is_well(key_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with publishing(good_answer(key_file)) as agent, FakeEdge() as edge:
        edge.register(agent, public_half(load_key(key_file)))
        code, found = examined(capfd, key_file, agent, "--edge", edge.url())
        assert code == 0, found
        assert edge.charges == {}
    assert {check: is_good for check, (is_good, _) in found.items()} == {
        "key": True, "directory": True, "directory's media type": True, "directory's size": True,
        "directory's speed": True, "directory's signature": None, "clock": True, "signature": None, "edge": True,
    }  # fmt: skip
    assert "an offer of USD 0.01 are accepted, nothing was charged" in found["edge"][1]
    assert "only a purchase shows" in found["edge"][1]  # an account without credit is told nothing by HEAD


def test_a_directory_may_be_signed(key_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    headers: dict[str, str] = {}
    answer = (200, headers, good_answer(key_file)[2])
    with publishing(answer) as agent:
        now = int(time.time())
        headers |= build_directory([load_key(key_file)], agent.removeprefix("http://"), now, now + 600).headers
        assert examined(capfd, key_file, agent)[1]["directory's signature"][0] is True
        headers |= build_directory([load_key(key_file)], "other.example", now, now + 600).headers
        assert examined(capfd, key_file, agent)[1]["directory's signature"][0] is False


@pytest.mark.parametrize(
    ("change", "check", "says"),
    [
        ((302, {"Location": "https://www.bot.example/"}, b""), "directory", "follow no redirect"),
        ((404, {}, b""), "directory", "answers 404"),
        ((200, {}, b"<html>"), "directory", "no key set"),
        ((200, {}, public_keys_to_jwks([public_half(new_private_key())])), "directory", "is not among the 1"),
        (None, "directory", "cannot be reached"),
    ],
)
def test_a_directory_that_verifiers_would_refuse(
    key_file: Path, change: Answer | None, check: str, says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with publishing(change or (200, {}, b"")) as agent:
        code, found = examined(capfd, key_file, agent if change is not None else "http://127.0.0.1:1")
    assert code == 1
    assert found[check][0] is False
    assert says in found[check][1]


def test_a_wrong_media_type_and_a_wrong_clock(key_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _, _, body = good_answer(key_file)
    late = {"Content-Type": "application/json", "Date": formatdate(time.time() - 300, usegmt=True)}
    with publishing((200, late, body)) as agent:
        code, found = examined(capfd, key_file, agent)
    assert code == 1
    assert found["directory's media type"] == (False, f"it is application/json, and should be {MEDIA_TYPE}")
    assert found["clock"][0] is False
    assert "set it by NTP" in found["clock"][1]


def test_an_edge_that_does_not_know_the_key_says_why(key_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with publishing(good_answer(key_file)) as agent, FakeEdge() as edge:
        code, found = examined(capfd, key_file, agent, "--edge", edge.url())
    assert code == 1
    assert found["edge"][0] is False
    assert "InvalidSignature" in found["edge"][1]


@pytest.mark.parametrize(("status", "is_good"), [(404, None), (421, False)])
def test_a_page_that_is_not_there_is_not_called_free(
    status: int, is_good: bool | None, key_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with publishing(good_answer(key_file)) as agent, FakeEdge(twist=lambda *_: Reply(status)) as edge:
        _, found = examined(capfd, key_file, agent, "--edge", edge.url())
    assert found["edge"][0] is is_good
    assert f"answered with status {status}" in found["edge"][1]
    assert "free" not in found["edge"][1]


def test_a_key_file_that_others_can_read(key_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    key_file.chmod(0o644)
    with publishing(good_answer(key_file)) as agent:
        code, found = examined(capfd, key_file, agent)
    assert (code, found["key"][0]) == (1, False)
    assert "chmod 600" in found["key"][1]


def test_a_key_file_that_is_none_is_the_only_finding(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, found = examined(capfd, tmp_path / "none.pem", "https://bot.example")
    assert (code, list(found)) == (1, ["key"])
