"""What Connect says to write into a front can be read by it, and names the site, the edge and what to trust.

nginx's and Caddy's files are run by the programs themselves: ``tests/system/test_fronts.py``.
"""

from __future__ import annotations

import ast
from typing import Any

import pytest
import yaml
from uvicorn.main import main as uvicorn_command

from edge.settings import load_settings
from publisher_dashboard.fronts import Front, fronts
from tests.dashboard.conftest import House

HOST, EDGE = "www.news.example", "127.0.0.1:8402"


def front(word: str, scheme: str = "https") -> Front:
    return next(one for one in fronts(HOST, EDGE, scheme) if one.word == word)


def traefik(scheme: str) -> tuple[dict[str, Any], dict[str, Any]]:
    own, site, _ = front("traefik", scheme).files
    return yaml.safe_load(own[1]), yaml.safe_load(site[1])


@pytest.mark.parametrize(("scheme", "entry", "port"), [("https", "websecure", 443), ("http", "web", 80)])
def test_traefik_leads_the_host_to_the_edge_as_it_came(scheme: str, entry: str, port: int) -> None:
    own, site = traefik(scheme)
    assert own["entryPoints"] == {entry: {"address": f":{port}", "http": {"sanitizePath": False}}}
    assert own["providers"]["file"]["filename"] == front("traefik").files[1][0]
    [router] = site["http"]["routers"].values()
    assert (router["rule"], router["entryPoints"]) == (f"Host(`{HOST}`)", [entry])
    balancer = site["http"]["services"][router["service"]]["loadBalancer"]
    assert balancer["servers"] == [{"url": f"http://{EDGE}"}]
    assert balancer["passHostHeader"] is True
    assert balancer["responseForwarding"] == {"flushInterval": "-1ms"}


def test_traefik_ends_tls_only_where_visitors_come_by_https() -> None:
    _, secure = traefik("https")
    [router] = secure["http"]["routers"].values()
    assert router["tls"] == {}
    assert secure["tls"]["certificates"] == [{"certFile": f"/etc/ssl/{HOST}.pem", "keyFile": f"/etc/ssl/{HOST}.key"}]
    _, plain = traefik("http")
    assert "tls" not in plain
    assert "tls" not in next(iter(plain["http"]["routers"].values()))


def test_every_front_that_passes_addresses_on_says_that_it_is_to_be_trusted() -> None:
    for word in ("nginx", "caddy", "traefik"):
        name, _, value = front(word).files[-1][1].partition("=")
        assert load_settings({name: value}).trusted_proxies


def test_an_asgi_app_listens_where_the_edge_asks_for_pages_and_believes_the_edge() -> None:
    by_uvicorn, by_hypercorn, in_app, then = (text for _, text in front("asgi").files)
    read = uvicorn_command.make_context("uvicorn", by_uvicorn.split()[1:]).params
    assert (read["host"], read["port"], read["forwarded_allow_ips"]) == ("127.0.0.1", 8000, "127.0.0.1")
    assert read["proxy_headers"]
    origin = then.split()[-1].removeprefix("http://")
    assert origin == f"{read['host']}:{read['port']}"
    assert origin == by_hypercorn.split()[-1]
    ast.parse(in_app)


def test_each_front_has_a_page_of_its_own(quick_house: House) -> None:
    words = [one.word for one in fronts(HOST, EDGE, "https")]
    assert words == ["nginx", "caddy", "traefik", "direct", "asgi", "compose"]
    owner = quick_house.signed_in()
    for word in words:
        page = owner.get(f"/sites/harbour.example/connect?front={word}").text
        assert f'href="/sites/harbour.example/connect?front={word}#front-title" aria-current="true"' in page
