"""Key directories as the gate uses them: never waiting in ``find``, never asking more than the rules allow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.core.directory import build_directory
from edge.core.keys import PublicKey, new_private_key, public_half, public_keys_to_jwks
from edge.core.message import Request
from edge.core.request_signing import sign_request
from edge.core.web_bot_auth import DirectoryDown, KeyAnswer, KeyUnknown, Verified, examine
from edge.proxy.directory_fetch import AddressGuardedFetcher, Fetch
from edge.proxy.directory_state import StoredKeys
from edge.proxy.key_directories import KeyDirectories, Shelf
from tests.support.fake_fetch import AGENT, DOWN, HOST, FakeFetch, key_set
from tests.support.raw_http import RawServer, answer

START = 1_800_000_000.0
KEY = new_private_key()
OTHER = new_private_key()
PUBLIC = public_half(KEY)
THUMBPRINT = PUBLIC.thumbprint
OTHER_THUMBPRINT = public_half(OTHER).thumbprint


class Desk:
    """Directories over a fake network, with a clock and a registry that the test moves by hand."""

    def __init__(self, fetch: Fetch, known: Collection[str] = (AGENT,), shelf: Shelf | None = None) -> None:
        self.now = START
        self.known = known
        self.directories = KeyDirectories(
            fetch, lambda: self.known, shelf=shelf, now=lambda: self.now, random_unit=lambda: 0.5
        )

    async def ask(self, thumbprint: str = THUMBPRINT, agent: str = AGENT) -> KeyAnswer:
        """As the gate does: look, wait if that can help, look again."""
        self.directories.find(agent, thumbprint)
        await self.directories.ensure(agent, thumbprint)
        return self.directories.find(agent, thumbprint)


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def go() -> None:
        await work()

    asyncio.run(go())


def test_the_first_request_of_a_registered_crawler_succeeds() -> None:
    async def work() -> None:
        desk = Desk(FakeFetch({AGENT: key_set([KEY])}))
        assert isinstance(desk.directories.find(AGENT, THUMBPRINT), DirectoryDown)
        assert not desk.directories.is_settled(AGENT, THUMBPRINT)
        assert await desk.ask() == PUBLIC
        assert desk.directories.is_settled(AGENT, THUMBPRINT)

    run(work)


def test_an_unregistered_agent_is_unknown_and_never_fetched() -> None:
    async def work() -> None:
        fetch = FakeFetch({AGENT: key_set([KEY])})
        desk = Desk(fetch, known=())
        assert await desk.ask() == KeyUnknown()
        assert desk.directories.is_settled(AGENT, THUMBPRINT)
        assert desk.directories.show(AGENT) is None
        assert await desk.directories.refresh(AGENT) is None
        assert fetch.asked == []

    run(work)


def test_an_agent_that_is_registered_later_is_asked_then() -> None:
    async def work() -> None:
        desk = Desk(FakeFetch({AGENT: key_set([KEY])}), known=())
        assert await desk.ask() == KeyUnknown()
        desk.known = (AGENT,)
        assert await desk.ask() == PUBLIC
        desk.known = ()
        assert await desk.ask() == KeyUnknown()

    run(work)


def test_agents_that_were_removed_leave_no_trace() -> None:
    async def work() -> None:
        fetch = FakeFetch({AGENT: key_set([KEY])})
        desk = Desk(fetch)
        await desk.ask()
        desk.known = (f"{HOST}/other",)
        await desk.ask(agent=f"{HOST}/other")
        desk.known = (AGENT,)
        assert await desk.ask() == PUBLIC
        assert fetch.asked.count(AGENT) == 2, "nothing was remembered of the earlier registration"

    run(work)


def test_one_fetch_serves_everybody_who_waits() -> None:
    async def work() -> None:
        fetch = FakeFetch({AGENT: key_set([KEY])})
        desk = Desk(fetch)
        answers = await asyncio.gather(*(desk.ask() for _ in range(100)))
        assert set(answers) == {PUBLIC}
        assert fetch.asked == [AGENT]

    run(work)


def test_waiting_ends_in_time_and_the_fetch_goes_on() -> None:
    async def work() -> None:
        fetch = FakeFetch({AGENT: key_set([KEY])})
        fetch.hold = asyncio.Event()
        desk = Desk(fetch)
        await desk.directories.ensure(AGENT, THUMBPRINT, timeout_seconds=0.01)
        assert isinstance(desk.directories.find(AGENT, THUMBPRINT), DirectoryDown)
        fetch.hold.set()
        assert await desk.ask() == PUBLIC
        assert fetch.asked == [AGENT]

    run(work)


def test_a_key_is_valid_for_the_agent_that_lists_it_only() -> None:
    async def work() -> None:
        thief = "https://thief.example/.well-known/http-message-signatures-directory"
        desk = Desk(FakeFetch({AGENT: key_set([KEY]), thief: key_set([OTHER])}), known=(AGENT, thief))
        assert await desk.ask(THUMBPRINT, AGENT) == PUBLIC
        assert await desk.ask(THUMBPRINT, thief) == KeyUnknown()

    run(work)


def test_rotation_is_noticed_within_a_minute_and_revocation_with_it() -> None:
    async def work() -> None:
        fetch = FakeFetch({AGENT: key_set([KEY])})
        desk = Desk(fetch)
        assert await desk.ask() == PUBLIC
        fetch.answers[AGENT] = key_set([OTHER])
        desk.now += 30
        assert await desk.ask(OTHER_THUMBPRINT) == KeyUnknown()
        desk.now += 31
        assert isinstance(await desk.ask(OTHER_THUMBPRINT), PublicKey)
        assert await desk.ask() == KeyUnknown()

    run(work)


def test_made_up_keyids_cost_one_fetch_a_minute() -> None:
    async def work() -> None:
        fetch = FakeFetch({AGENT: key_set([KEY])})
        desk = Desk(fetch)
        for number in range(1200):
            assert not isinstance(await desk.ask(f"made-up-{number}"), PublicKey)
            desk.now += 0.1
        assert len(fetch.asked) == 2

    run(work)


def test_an_outage_keeps_the_keys_and_says_so() -> None:
    async def work() -> None:
        fetch = FakeFetch({AGENT: key_set([KEY], ("Cache-Control", "max-age=60"))})
        desk = Desk(fetch)
        assert await desk.ask() == PUBLIC
        fetch.answers[AGENT] = DOWN
        for _ in range(50):
            desk.now += 100
            assert await desk.ask() == PUBLIC
        view = desk.directories.show(AGENT)
        assert view is not None
        assert view.failure == "unreachable: nobody there"
        assert view.fetched_at == START
        assert isinstance(await desk.ask(OTHER_THUMBPRINT), DirectoryDown)

    run(work)


def test_a_directory_that_was_never_reached_says_when_to_come_again() -> None:
    async def work() -> None:
        fetch = FakeFetch({})
        desk = Desk(fetch)
        assert await desk.ask() == DirectoryDown(14)
        desk.now += 10
        assert await desk.ask() == DirectoryDown(4)
        assert fetch.asked == [AGENT]
        desk.now += 4
        fetch.answers[AGENT] = key_set([KEY])
        assert await desk.ask() == PUBLIC

    run(work)


def test_past_its_time_the_directory_is_asked_before_the_key_is_believed() -> None:
    async def work() -> None:
        fetch = FakeFetch({AGENT: key_set([KEY], ("Cache-Control", "max-age=60"))})
        desk = Desk(fetch)
        await desk.ask()
        fetch.answers[AGENT] = key_set([OTHER])
        desk.now += 3600
        assert await desk.ask() == KeyUnknown(), "the key was revoked while nobody looked"

    run(work)


def test_a_fault_in_the_fetch_is_a_failure_and_not_a_storm() -> None:
    async def work() -> None:
        fetch = FakeFetch({AGENT: AssertionError("a fault of ours")})
        desk = Desk(fetch)
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        for _ in range(20):
            assert isinstance(await desk.ask(), DirectoryDown)
        assert fetch.asked == [AGENT]

    run(work)


def test_find_needs_no_event_loop() -> None:
    fetch = FakeFetch({AGENT: key_set([KEY])})
    assert isinstance(Desk(fetch).directories.find(AGENT, THUMBPRINT), DirectoryDown)
    assert fetch.asked == []


def test_an_operator_can_ask_at_any_time() -> None:
    async def work() -> None:
        fetch = FakeFetch({AGENT: key_set([KEY])})
        desk = Desk(fetch)
        await desk.ask()
        fetch.answers[AGENT] = key_set([OTHER])
        view = await desk.directories.refresh(AGENT)
        assert view is not None
        assert view.thumbprints == (OTHER_THUMBPRINT,)
        assert not view.is_fetching

    run(work)


def test_closing_breaks_off_what_is_being_fetched() -> None:
    async def work() -> None:
        fetch = FakeFetch({AGENT: key_set([KEY])})
        fetch.hold = asyncio.Event()
        desk = Desk(fetch)
        desk.directories.find(AGENT, THUMBPRINT)
        await asyncio.sleep(0)
        await desk.directories.close()
        view = desk.directories.show(AGENT)
        assert view is not None
        assert not view.is_fetching

    run(work)


class MemoryShelf:
    """What a restart would find."""

    def __init__(self) -> None:
        self.kept: dict[str, StoredKeys] = {}
        self.failures: list[tuple[str, str, float]] = []

    async def load(self, agent_url: str) -> StoredKeys | None:
        return self.kept.get(agent_url)

    async def save(self, agent_url: str, stored: StoredKeys) -> None:
        self.kept[agent_url] = stored

    async def note_failure(self, agent_url: str, failure: str, failed_at: float) -> None:
        self.failures.append((agent_url, failure, failed_at))


class BrokenShelf:
    async def load(self, agent_url: str) -> StoredKeys | None:
        raise RuntimeError("the database is down")

    async def save(self, agent_url: str, stored: StoredKeys) -> None:
        raise RuntimeError("the database is down")

    async def note_failure(self, agent_url: str, failure: str, failed_at: float) -> None:
        raise RuntimeError("the database is down")


def test_a_restart_during_an_outage_keeps_the_keys() -> None:
    async def work() -> None:
        shelf = MemoryShelf()
        await Desk(FakeFetch({AGENT: key_set([KEY])}), shelf=shelf).ask()
        desk = Desk(FakeFetch({}), shelf=shelf)
        desk.now += 100_000
        assert await desk.ask() == PUBLIC
        assert shelf.failures == [(AGENT, "unreachable: nobody there", desk.now)]

    run(work)


def test_a_fresh_answer_of_another_process_saves_the_fetch() -> None:
    async def work() -> None:
        shelf = MemoryShelf()
        await Desk(FakeFetch({AGENT: key_set([KEY])}), shelf=shelf).ask()
        fetch = FakeFetch({AGENT: key_set([OTHER])})
        desk = Desk(fetch, shelf=shelf)
        desk.now += 100
        assert await desk.ask() == PUBLIC
        assert fetch.asked == []

    run(work)


def test_a_key_that_the_kept_answer_does_not_list_is_fetched_in_the_same_wait() -> None:
    async def work() -> None:
        shelf = MemoryShelf()
        await Desk(FakeFetch({AGENT: key_set([KEY])}), shelf=shelf).ask()
        desk = Desk(FakeFetch({AGENT: key_set([OTHER])}), shelf=shelf)
        desk.now += 100
        assert isinstance(await desk.ask(OTHER_THUMBPRINT), PublicKey)

    run(work)


def test_a_kept_answer_that_cannot_be_read_is_fetched_again() -> None:
    async def work() -> None:
        shelf = MemoryShelf()
        shelf.kept[AGENT] = StoredKeys(b"not json", START - 10, START + 1000)
        assert await Desk(FakeFetch({AGENT: key_set([KEY])}), shelf=shelf).ask() == PUBLIC
        assert shelf.kept[AGENT].jwks == public_keys_to_jwks([PUBLIC])

    run(work)


def test_a_broken_shelf_harms_nothing() -> None:
    async def work() -> None:
        desk = Desk(FakeFetch({AGENT: key_set([KEY])}), shelf=BrokenShelf())
        assert await desk.ask() == PUBLIC
        desk = Desk(FakeFetch({}), shelf=BrokenShelf())
        assert isinstance(await desk.ask(), DirectoryDown)

    run(work)


# Over real sockets


def signed_request(agent: str, key: Ed25519PrivateKey) -> Request:
    request = Request.from_parts("GET", "https://news.example/articles/1")
    created = int(START)
    fields = sign_request(request, key, agent, ("@authority",), created, created + 60, allow_loopback_http=True)
    return Request.from_parts("GET", "https://news.example/articles/1", fields.items())


def test_a_signature_verifies_with_the_key_that_its_agent_serves_on_loopback() -> None:
    async def work() -> None:
        async with RawServer(b"") as server:
            directory = build_directory([KEY], f"127.0.0.1:{server.port}", int(START) - 5, int(START) + 60)
            lines = [f"{name}: {value}" for name, value in directory.headers.items() if name != "content-type"]
            server.reply = answer(directory.body, headers=lines)
            fetcher = AddressGuardedFetcher(allow_loopback_http=True)
            desk = Desk(fetcher, known=(server.url(),))
            assert await desk.ask(agent=server.url()) == PUBLIC
            request = signed_request(server.url(""), KEY)
            outcome = examine(request, desk.directories.find, START, allow_loopback_http=True)
            assert isinstance(outcome, Verified)
            assert outcome.agent_url == server.url()
            await fetcher.close()

    run(work)


def test_hostile_answers_keep_the_keys_held_before() -> None:
    async def work() -> None:
        async with RawServer(answer(public_keys_to_jwks([PUBLIC]), headers=["Cache-Control: max-age=60"])) as server:
            fetcher = AddressGuardedFetcher(allow_loopback_http=True)
            desk = Desk(fetcher, known=(server.url(),))
            assert await desk.ask(agent=server.url()) == PUBLIC
            many = public_keys_to_jwks(public_half(new_private_key()) for _ in range(33))
            hostile = {
                "redirect": answer(b"{}", "302 Found", ["Location: /elsewhere"]),
                "media type": answer(b"<html>", content_type="text/html"),
                "not_json": answer(b'{"keys":'),
                "too_large": answer(b" " * 70_000),
                "too_many_keys": answer(many),
                "status 503": answer(b"", "503 Busy"),
                "malformed": b"garbage\r\n\r\n",
                "unreachable": b"",
            }
            for why, server.reply in hostile.items():
                seen = len(server.requests)
                view = await desk.directories.refresh(server.url())
                assert view is not None
                assert why in (view.failure or "")
                assert len(server.requests) > seen
                assert desk.directories.find(server.url(), THUMBPRINT) == PUBLIC
            server.reply = answer(b'{"keys":[]}')
            await desk.directories.refresh(server.url())
            assert desk.directories.find(server.url(), THUMBPRINT) == KeyUnknown()
            await fetcher.close()

    run(work)
