"""An operator's own entries go over the shipped ones; what is misspelt is refused with its place."""

from __future__ import annotations

import pytest

from edge.core.address_book import Sources
from edge.core.identity import ClaimedCrawler, CrawlerKind
from edge.core.own_catalogue import InvalidCatalogue, OwnCatalogue, read_own_catalogue

OWN = """
[[crawler]]
token = "NewsHarvester"
operator = "Harvest Inc."
kind = "training"

[[crawler]]
token = "gptbot"
name = "GPTBot"
operator = "OpenAI"
kind = "search"

[[feed]]
url = "https://harvest.example/ips.json"
operator = "Harvest Inc."
crawlers = ["NewsHarvester"]

[[feed]]
url = "https://openai.com/gptbot.json"
crawlers = ["GPTBot", "NewsHarvester"]

[reverse_dns]
NewsHarvester = ["crawl.harvest.example"]
"""


def test_own_crawlers_are_known_and_go_over_the_shipped_ones() -> None:
    catalogue = read_own_catalogue(OWN).catalogue()
    harvester = ClaimedCrawler("NewsHarvester", "Harvest Inc.", CrawlerKind.TRAINING)
    assert catalogue.classify("newsharvester/2.0") == harvester
    assert catalogue.classify("GPTBot/1.1") == ClaimedCrawler("GPTBot", "OpenAI", CrawlerKind.SEARCH)
    assert catalogue.classify("CCBot/2.0") == ClaimedCrawler("CCBot", "Common Crawl", CrawlerKind.TRAINING)
    assert harvester in catalogue.crawlers


def test_own_lists_and_names_go_over_the_shipped_ones() -> None:
    sources = read_own_catalogue(OWN).sources()
    by_url = {feed.url: feed for feed in sources.feeds}
    assert by_url["https://harvest.example/ips.json"].crawlers == ("NewsHarvester",)
    assert by_url["https://openai.com/gptbot.json"].crawlers == ("GPTBot", "NewsHarvester")
    assert len(sources.feeds) == len(by_url) == len(Sources.load().feeds) + 1
    assert sources.suffixes["NewsHarvester"] == ("crawl.harvest.example",)
    assert sources.suffixes["Googlebot"] == Sources.load().suffixes["Googlebot"]


def test_without_a_file_everything_is_as_shipped() -> None:
    assert OwnCatalogue().sources() == Sources.load() == read_own_catalogue("").sources()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[crawler]\n", "it is not TOML"),
        ('crawlers = "x"', "the file: unknown crawlers"),
        ('crawler = "x"', r"write \[\[crawler\]\]"),
        ('[[crawler]]\nname = "X"', "crawler 1: token"),
        ('[[crawler]]\ntoken = "x"\nkind = "robot"', "crawler 1: kind is one of training"),
        ('[[crawler]]\ntoken = "x"\ncolour = "red"', "crawler 1: unknown colour"),
        ('[[feed]]\nurl = "http://x.example/"\ncrawlers = ["X"]', "feed 1: url begins with https"),
        ('[[feed]]\nurl = "https://x.example/"', "feed 1: crawlers: write a list"),
        ('[reverse_dns]\nX = "x.example"', "reverse_dns X: write a list"),
        ('reverse_dns = "x"', r"write \[reverse_dns\]"),
    ],
)
def test_what_is_misspelt_is_refused_with_its_place(text: str, why: str) -> None:
    with pytest.raises(InvalidCatalogue, match=why):
        read_own_catalogue(text)
