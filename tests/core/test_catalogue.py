"""What a User-Agent claims: known crawlers by name, libraries as bots, people as people."""

from __future__ import annotations

import json
import re
from importlib import resources

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.catalogue import REMEMBERED_MAX, Catalogue
from edge.core.identity import ClaimedCrawler, CrawlerKind

TRAINING, SEARCH, ASSISTANT, ARCHIVER, SEO, MONITOR, LIBRARY, OTHER = CrawlerKind

# Names, operators and categories: Cloudflare AI Crawl Control, bot reference (CC-BY-4.0, page of 2026-04-23).
CLOUDFLARE_REFERENCE = [
    ("GPTBot", "OpenAI", TRAINING),
    ("ChatGPT-User", "OpenAI", ASSISTANT),
    ("OAI-SearchBot", "OpenAI", SEARCH),
    ("ClaudeBot", "Anthropic", TRAINING),
    ("Claude-SearchBot", "Anthropic", SEARCH),
    ("Claude-User", "Anthropic", ASSISTANT),
    ("PerplexityBot", "Perplexity", SEARCH),
    ("Perplexity-User", "Perplexity", ASSISTANT),
    ("Googlebot", "Google", SEARCH),
    ("Google-CloudVertexBot", "Google", TRAINING),
    ("BingBot", "Microsoft", SEARCH),
    ("Bytespider", "ByteDance", TRAINING),
    ("CCBot", "Common Crawl", TRAINING),
    ("Meta-ExternalAgent", "Meta", TRAINING),
    ("Meta-ExternalFetcher", "Meta", ASSISTANT),
    ("FacebookBot", "Meta", TRAINING),
    ("Applebot", "Apple", SEARCH),
    ("Amazonbot", "Amazon", TRAINING),
    ("DuckAssistBot", "DuckDuckGo", ASSISTANT),
    ("MistralAI-User", "Mistral", ASSISTANT),
]

PEOPLE = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36 "
    "Edg/129.0.0.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 "
    "Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
    "Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile "
    "Safari/537.36",
    "Mozilla/5.0 (Linux; Android 10; CUBOT_X18) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile "
    "Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 "
    "Instagram 300.0.0.0",
    "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; AS; rv:11.0) like Gecko",
    "Opera/9.80 (Windows NT 6.1; U; en) Presto/2.8.131 Version/11.11",
    "Lynx/2.8.9rel.1 libwww-FM/2.14",
]

LIBRARIES = [
    "curl/8.5.0", "Wget/1.21.4", "python-requests/2.32.3", "Python-urllib/3.11", "python-httpx/0.28.1",
    "Python/3.11 aiohttp/3.14.5", "Scrapy/2.11.2 (+https://scrapy.org)", "Go-http-client/2.0", "okhttp/4.12.0",
    "Java/17.0.1", "Apache-HttpClient/4.5.14 (Java/17)", "libwww-perl/6.67", "node-fetch/1.0", "axios/1.7.2",
    "got (https://github.com/sindresorhus/got)", "PostmanRuntime/7.39.0", "Ruby/3.2", "GuzzleHttp/7", "reqwest/0.12",
    "Deno/1.44",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/120.0 Safari/537.36",
    "Mozilla/5.0 (Unknown; Linux) AppleWebKit/538.1 (KHTML, like Gecko) PhantomJS/2.1.1 Safari/538.1",
    "farebox-crawl/0.1", "k6/0.49.0 (https://k6.io/)",
]  # fmt: skip


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load()


@pytest.mark.parametrize(("name", "operator", "kind"), CLOUDFLARE_REFERENCE)
@pytest.mark.parametrize(
    "form", ["{}/1.0", "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; {}/1.2; +https://x.example/b)"]
)
def test_a_known_crawler_is_named_with_operator_and_kind(
    catalogue: Catalogue, form: str, name: str, operator: str, kind: CrawlerKind
) -> None:
    assert catalogue.classify(form.format(name)) == ClaimedCrawler(name, operator, kind)
    assert catalogue.classify(form.format(name.upper())) == ClaimedCrawler(name, operator, kind)


@pytest.mark.parametrize(
    ("user_agent", "name", "kind"),
    [
        ("Mozilla/5.0 (compatible; archive.org_bot +http://archive.org/details/x)", "archive.org_bot", ARCHIVER),
        ("ia_archiver", "ia_archiver", ARCHIVER),
        ("DuckDuckBot/1.1; (+http://duckduckgo.com/duckduckbot.html)", "DuckDuckBot", SEARCH),
        ("Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)", "YandexBot", SEARCH),
        ("Googlebot-Image/1.0", "Googlebot-Image", SEARCH),
        ("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", "AhrefsBot", SEO),
        ("Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)", "UptimeRobot", MONITOR),
        ("Claude-Code/1.0", "Claude-Code", ASSISTANT),
    ],
)  # fmt: skip
def test_search_engines_archivers_and_longer_names_are_told_apart(
    catalogue: Catalogue, user_agent: str, name: str, kind: CrawlerKind
) -> None:
    found = catalogue.classify(user_agent)
    assert found is not None
    assert (found.name, found.kind) == (name, kind)


@pytest.mark.parametrize("user_agent", PEOPLE)
def test_a_browser_is_a_person(catalogue: Catalogue, user_agent: str) -> None:
    assert catalogue.classify(user_agent) is None


@pytest.mark.parametrize("user_agent", LIBRARIES)
def test_a_library_is_a_bot_of_that_kind(catalogue: Catalogue, user_agent: str) -> None:
    found = catalogue.classify(user_agent)
    assert found is not None
    assert found.kind is LIBRARY
    assert found.name


@pytest.mark.parametrize("user_agent", ["", "  ", "\t"])
def test_no_user_agent_is_a_bot_without_a_name(catalogue: Catalogue, user_agent: str) -> None:
    assert catalogue.classify(user_agent) == ClaimedCrawler("", "", OTHER)


@pytest.mark.parametrize(
    "user_agent", ["FooBot/1.0", "Mozilla/5.0 (compatible; my-crawler/2)", "some spider", "x bot; y"]
)
def test_what_calls_itself_a_robot_is_one(catalogue: Catalogue, user_agent: str) -> None:
    assert catalogue.classify(user_agent) == ClaimedCrawler("", "", OTHER)


def test_every_crawler_of_the_package_is_a_bot_with_a_name(catalogue: Catalogue) -> None:
    for entry in CRAWLER_USER_AGENTS_DATA:
        for user_agent in entry["instances"]:
            found = catalogue.classify(user_agent)
            assert found is not None, user_agent
            assert found.name == found.name.strip() != "", user_agent


@given(st.text(max_size=60))
@settings(max_examples=150)
def test_names_come_from_the_lists_and_never_from_the_text(catalogue: Catalogue, text: str) -> None:
    for user_agent in (text, "Mozilla/5.0 (compatible; " + text, text + "bot/1.0"):
        found = catalogue.classify(user_agent)
        assert found is None or found.name in catalogue.names | {""}


def test_made_up_texts_are_forgotten_and_only_their_beginning_is_kept(catalogue: Catalogue) -> None:
    for number in range(REMEMBERED_MAX + 10):
        catalogue.classify(f"FooBot/{number}")
    assert catalogue.remembered == REMEMBERED_MAX
    assert catalogue.classify("x" * 100_000 + "GPTBot") is catalogue.classify("x" * 100_000)


def test_the_list_is_in_order_and_says_where_each_word_is_from() -> None:
    document = json.loads(resources.files("edge.core").joinpath("data/crawlers.json").read_text("utf-8"))
    tokens = [entry["token"] for entry in document["crawlers"]]
    assert tokens == sorted(set(tokens))
    assert all(token == token.lower() and re.search("[a-z]", token) for token in tokens)
    assert all({"licence", "url", "version"} <= set(source) for source in document["sources"].values())
    assert {entry["source"] for entry in document["crawlers"]} == set(document["sources"])
