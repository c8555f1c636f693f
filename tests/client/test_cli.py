"""``farebox-crawl`` as it is typed: what it prints where, and with which code it exits."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from edge.client.cli import run
from edge.client.fake_edge import PAGE, Reply
from edge.client.fake_edge import FakeEdge as Shop
from edge.client.identity import load_key
from edge.core.directory import parse_directory, verify_directory_response
from edge.core.keys import PublicKey, public_half
from edge.core.message import Request, Response
from edge.core.money import parse_price

AGENT = "https://bot.example"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    assert run(["keygen", "--out", str(tmp_path / "bot.pem")]) == 0
    return tmp_path / "bot.pem"


@pytest.fixture
def shop(key_file: Path) -> Iterator[Shop]:
    with Shop() as opened:
        opened.register(AGENT, public_half(load_key(key_file)))
        yield opened


def paying(key_file: Path, *words: str) -> list[str]:
    return ["--key", str(key_file), "--agent", AGENT, "--max", "USD 0.02", *words]


def test_keygen_says_where_to_publish_what(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["keygen", "--out", str(tmp_path / "bot.pem"), "--agent", AGENT]) == 0
    said = capfd.readouterr().out
    public = public_half(load_key(tmp_path / "bot.pem"))
    assert public.thumbprint in said
    assert f"{AGENT}/.well-known/http-message-signatures-directory" in said
    assert "PRIVATE" not in said
    assert f"farebox-crawl register https://SITE --key {tmp_path / 'bot.pem'} --agent {AGENT} --contact" in said


def test_keygen_for_machines(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["keygen", "--out", str(tmp_path / "bot.pem"), "--agent", AGENT, "--json"]) == 0
    values = orjson.loads(capfd.readouterr().out)
    keys = parse_directory(orjson.dumps(values["jwks"]))
    assert isinstance(keys, tuple)
    assert [key.thumbprint for key in keys] == [values["thumbprint"]]


def test_keygen_keeps_an_older_key(key_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["keygen", "--out", str(key_file)]) == 1
    assert "exists already" in capfd.readouterr().err


def test_keygen_refuses_an_agent_before_it_makes_a_key(tmp_path: Path) -> None:
    assert run(["keygen", "--out", str(tmp_path / "bot.pem"), "--agent", "http://bot.example"]) == 1
    assert not (tmp_path / "bot.pem").exists()


def test_directory_prints_the_key_set_of_all_keys(
    tmp_path: Path, key_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run(["keygen", "--out", str(tmp_path / "new.pem")])
    capfd.readouterr()
    assert run(["directory", str(tmp_path / "new.pem"), str(key_file)]) == 0
    keys = parse_directory(capfd.readouterr().out.encode())
    assert keys == (public_half(load_key(tmp_path / "new.pem")), public_half(load_key(key_file)))


def test_directory_headers_hold_for_the_agents_host(key_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    capfd.readouterr()
    assert run(["directory", str(key_file), "--headers", "--agent", AGENT]) == 0
    head, _, body = capfd.readouterr().out.strip().partition("\n\n")
    lines = [(name, value) for name, _, value in (line.partition(": ") for line in head.splitlines())]
    keys = parse_directory(body.encode())
    assert isinstance(keys, tuple)
    request = Request.from_parts("GET", f"{AGENT}/.well-known/http-message-signatures-directory")
    created = int(dict(lines)["signature-input"].partition("created=")[2].partition(";")[0])
    proof = verify_directory_response(
        Response.from_parts(200, lines, request), body.encode(), keys, created + 6 * 86_400
    )
    assert proof.proved == {keys[0].thumbprint}


def test_directory_headers_need_a_host(key_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["directory", str(key_file), "--headers"]) == 2
    assert "--agent" in capfd.readouterr().err


def test_a_page_is_bought_into_a_file(
    shop: Shop, key_file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    capfd.readouterr()
    assert run(["get", shop.url(), *paying(key_file, "--out", str(tmp_path / "page.html"))]) == 0
    said = capfd.readouterr()
    assert (tmp_path / "page.html").read_bytes() == PAGE
    assert "Charged USD 0.01" in said.out
    assert f"Receipt ch_1: {shop.url('/.well-known/receipts/ch_1')}" in said.out
    assert said.err == ""


def test_a_page_without_a_file_is_printed_and_the_rest_goes_to_stderr(
    shop: Shop, key_file: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    capfdbinary.readouterr()
    assert run(["get", shop.url(), *paying(key_file)]) == 0
    said = capfdbinary.readouterr()
    assert said.out == PAGE
    assert b"Charged USD 0.01" in said.err


def test_without_a_maximum_the_price_is_asked_and_nothing_paid(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    capfd.readouterr()
    assert run(["get", shop.url()]) == 0
    assert "The page costs USD 0.01" in capfd.readouterr().out
    assert "signature" not in shop.seen[0].fields
    assert shop.charges == {}


def test_the_price_can_be_asked_under_ones_name(shop: Shop, key_file: Path) -> None:
    assert run(["get", shop.url(), "--key", str(key_file), "--agent", AGENT]) == 0
    assert "signature" in shop.seen[0].fields
    assert "crawler-max-price" not in shop.seen[0].fields


def test_an_exact_offer_is_sent_as_one(shop: Shop, key_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["get", shop.url(), *paying(key_file, "--exact")]) == 1
    assert shop.seen[0].fields["crawler-exact-price"] == "USD 0.02"
    assert "offer that price" in capfd.readouterr().err


@pytest.mark.parametrize("charged", ["USD 0.020001", "EUR 0.01", "gratis"])
def test_a_wrong_charge_is_loud(
    shop: Shop, key_file: Path, tmp_path: Path, charged: str, capfd: pytest.CaptureFixture[str]
) -> None:
    shop.twist = lambda number, request, honest: Reply(200, (("crawler-charged", charged),), PAGE)
    capfd.readouterr()
    assert run(["get", shop.url(), *paying(key_file, "--out", str(tmp_path / "page"))]) == 1
    said = capfd.readouterr()
    assert f"WRONG CHARGE: the answer says it charged '{charged}'" in said.err
    assert said.out == ""


def test_a_redirect_is_partly_done(shop: Shop, key_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shop.moved["/old"] = "/new"
    assert run(["get", shop.url("/old"), *paying(key_file)]) == 3
    assert "/new" in capfd.readouterr().err
    assert run(["get", shop.url("/old"), *paying(key_file, "--follow")]) == 0
    assert len(shop.charges) == 1


def test_a_refusal_says_what_to_do(shop: Shop, key_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shop.price = parse_price("USD 5")
    assert run(["get", shop.url(), *paying(key_file)]) == 1
    said = capfd.readouterr().err
    assert "raise --max" in said
    assert "USD 5.00" in said
    assert "req-1" in said


def test_the_report_for_machines(shop: Shop, key_file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    capfd.readouterr()
    assert run(["get", shop.url(), *paying(key_file, "--out", str(tmp_path / "page"), "--json")]) == 0
    values = orjson.loads(capfd.readouterr().out)
    assert (values["outcome"], values["charged"]["amount_micros"], values["receipt_id"]) == ("bought", 10_000, "ch_1")
    assert run(["get", shop.url("/2"), "--json"]) == 0
    assert orjson.loads(capfd.readouterr().out)["price"]["amount_micros"] == 10_000


def test_the_other_spellings_of_signature_agent_are_accepted_too(shop: Shop, key_file: Path) -> None:
    for spelling in ("bare", "dictionary", "key-set"):
        assert run(["get", shop.url(f"/{spelling}"), *paying(key_file, "--signature-agent", spelling)]) == 0
    assert shop.seen[0].fields["signature-agent"] == f'"{AGENT}"'


def test_a_page_can_be_asked_of_an_edge_that_its_name_does_not_point_to_yet(shop: Shop, key_file: Path) -> None:
    connect = ["--connect", f"127.0.0.1:{shop.port}"]
    assert run(["get", "http://news.example/a", *paying(key_file, *connect)]) == 0
    assert shop.seen[0].authority == "news.example"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--max", "USD 0.01"], "--key"),
        (["--key", "bot.pem"], "--agent"),
        (["--agent", AGENT], "--key"),
        (["--exact"], "--max"),
        (["--max", "0.01 USD", "--key", "k", "--agent", AGENT], "not a price"),
        (["--max", "$1", "--key", "k", "--agent", AGENT], "not a price"),
        (["--signature-agent", "D"], "--signature-agent"),
        (["--connect", "nowhere"], "--connect"),
        (["--timeout", "0"], "timeout"),
        (["--colour"], "--colour"),
    ],
)
def test_words_that_do_not_fit_are_wrong_usage(words: list[str], why: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["get", "https://news.example/", *words]) == 2
    said = capfd.readouterr()
    assert why in said.err
    assert said.out == ""


def test_a_bought_page_in_json_mode_needs_a_place(
    shop: Shop, key_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["get", shop.url(), *paying(key_file, "--json")]) == 2
    assert "--out" in capfd.readouterr().err
    assert shop.seen == []


def test_a_place_that_cannot_be_written_costs_nothing(shop: Shop, key_file: Path, tmp_path: Path) -> None:
    assert run(["get", shop.url(), *paying(key_file, "--out", str(tmp_path / "missing" / "page"))]) == 1
    assert shop.seen == []


@pytest.mark.parametrize("url", ["http://news.example/", "news.example/a", "ftp://news.example/"])
def test_an_address_that_is_not_safe_is_not_asked(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["get", url]) == 1
    assert "https" in capfd.readouterr().err


@pytest.mark.parametrize("command", ["keygen", "directory", "get", "reconcile"])
def test_every_command_has_help_with_an_example(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    assert f"Example: farebox-crawl {command}" in capfd.readouterr().out


def test_no_words_print_the_help_and_are_wrong_usage(capfd: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    assert "keygen" in capfd.readouterr().out


def test_the_script_exits_with_the_code_of_the_command(shop: Shop) -> None:
    program = "import sys; from edge.client.cli import main; sys.argv[1:] = sys.argv[2:]; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "-", "get", shop.url("/x"), "--max", "nothing"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.startswith("farebox-crawl: ")
    assert "Traceback" not in done.stderr


def test_the_key_never_leaves(shop: Shop, key_file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    key = load_key(key_file)
    assert run(["get", shop.url(), *paying(key_file, "--out", str(tmp_path / "page"))]) == 0
    assert run(["directory", str(key_file)]) == 0
    said = capfd.readouterr()
    assert isinstance(public_half(key), PublicKey)
    for form in (key.private_bytes_raw().hex(), "PRIVATE KEY", '"d"'):
        assert form not in said.out + said.err
        assert all(form not in str(request.fields) for request in shop.seen)
