"""A real Scrapy project on disk, that is crawled by Scrapy's own command in a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import orjson

from tests.support.source_tree import ROOT

SETTINGS = """
BOT_NAME = "payer"
SPIDER_MODULES = ["payer.spiders"]
ADDONS = {{"edge.client.scrapy_addon.PayingAddon": 100}}
PAY_KEY = "bot.pem"
PAY_AGENT = "https://bot.example"
PAY_STORE = "spend.db"
PAY_PER_REQUEST = "USD 0.05"
ROBOTSTXT_OBEY = False
TELNETCONSOLE_ENABLED = False
LOG_LEVEL = "INFO"
CONCURRENT_REQUESTS_PER_DOMAIN = 8
DOWNLOAD_DELAY = 0
{more}
"""

SPIDER = """
import json
import scrapy


class Pages(scrapy.Spider):
    name = "pages"
    custom_settings = {{"FEEDS": {{"items.jsonl": {{"format": "jsonlines"}}}}}}

    async def start(self):
        for url in {urls!r}:
            yield scrapy.Request(url, callback=self.parse, errback=self.failed)

    def parse(self, response):
        yield {{"url": response.url, "status": response.status, "bytes": len(response.body),
               **(response.meta.get("farebox") or {{}})}}

    def failed(self, failure):
        yield {{"url": failure.request.url, "error": type(failure.value).__name__, "says": str(failure.value)}}

    def closed(self, reason):
        stats = {{name: value for name, value in self.crawler.stats.get_stats().items() if name.startswith("pay/")}}
        with open("stats.json", "w") as file:
            json.dump({{"reason": reason, **stats}}, file)
"""


class ScrapyProject:
    """Written into a folder; ``settings`` are lines of its settings module. The key has to be there as ``bot.pem``."""

    def __init__(self, folder: Path, urls: list[str], **settings: object) -> None:
        self.folder = folder
        spiders = folder / "payer" / "spiders"
        spiders.mkdir(parents=True)
        for package in (folder / "payer", spiders):
            (package / "__init__.py").touch()
        (folder / "scrapy.cfg").write_text("[settings]\ndefault = payer.settings\n")
        more = "\n".join(f"{name} = {value!r}" for name, value in settings.items())
        (folder / "payer" / "settings.py").write_text(SETTINGS.format(more=more))
        (spiders / "pages.py").write_text(SPIDER.format(urls=urls))

    async def start(self) -> asyncio.subprocess.Process:
        """Start a crawl."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with (self.folder / "log.txt").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-m", "scrapy", "crawl", "pages", cwd=self.folder, env=environment,
                stdout=log, stderr=log,
            )  # fmt: skip

    async def crawl(self) -> dict[str, object]:
        """Crawl to the end, and return the statistics about money."""
        process = await self.start()
        assert await process.wait() == 0, self.log()
        stats: dict[str, object] = orjson.loads((self.folder / "stats.json").read_bytes())
        return stats

    def items(self) -> list[dict[str, object]]:
        """What the spider yielded, in all its crawls."""
        return [orjson.loads(line) for line in (self.folder / "items.jsonl").read_bytes().splitlines()]

    def log(self) -> str:
        """The last of what Scrapy wrote."""
        return (self.folder / "log.txt").read_text(errors="replace")[-6000:]
