"""One message on its way: what counts as an answer, and which addresses are never connected to."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from edge.core.webhook_tries import Reply
from edge.proxy.address_guard import Vet, why_forbidden
from edge.proxy.webhook_sender import WebhookSender
from edge.proxy.webhook_worker import WorkerLimits
from tests.support.certificate import Certificate
from tests.support.fake_dns import FakeDns
from tests.support.raw_http import RawServer, answer
from tests.support.webhook_post import LIMITS, Post
from tests.support.webhook_receiver import WebhookReceiver
from tests.support.webhooks import SECOND

MINUTE = 60 * SECOND
NAME = "hooks.example"
PUBLIC = "93.184.215.14"


def loopback_is_public(address: str) -> str | None:
    """The border to the outside world: a test's public server stands on loopback."""
    return None if address == "127.0.0.1" else why_forbidden(address)


def send_over_tls(folder: Path, *answers: str, vet: Vet = loopback_is_public) -> tuple[Reply, list[str], list[str]]:
    """Send to https://hooks.example, which the DNS says is at these addresses; the reply, lookups and requests."""
    certificate = Certificate(folder, NAME)

    async def go() -> tuple[Reply, list[str], list[str]]:
        async with RawServer(answer(b"", "204 No Content"), tls=certificate.server) as server:
            dns = FakeDns(answers, port=server.port)
            sender = WebhookSender(30.0, lookup=dns, vet=vet, tls=certificate.client)
            try:
                return (
                    await sender(f"https://{NAME}/in?a=%41", {"webhook-id": "evt_1"}, "{}"),
                    dns.asked,
                    server.requests,
                )
            finally:
                await sender.close()

    return asyncio.run(go())


def test_a_public_server_is_spoken_to_in_tls_under_its_name(tmp_path: Path) -> None:
    reply, asked, requests = send_over_tls(tmp_path, "127.0.0.1")
    assert (reply, asked) == (Reply(204), [NAME])
    head = requests[0].split("\r\n")
    assert head[0] == "POST /in?a=%41 HTTP/1.1"
    names = {line.partition(":")[0].lower() for line in head[1:] if line}
    assert names >= {"host", "content-type", "user-agent", "webhook-id"}
    assert not names & {"cookie", "authorization", "referer"}


@pytest.mark.parametrize("private", ["10.1.2.3", "169.254.169.254", "::1", "fd00::1"])
def test_a_name_with_one_private_address_is_refused_as_a_whole(tmp_path: Path, private: str) -> None:
    reply, _, requests = send_over_tls(tmp_path, "127.0.0.1", private)
    assert (reply.status, requests) == (None, [])
    assert f"{private}, which is not allowed" in (reply.trouble or "")


def test_a_certificate_for_another_name_is_no_proof(tmp_path: Path) -> None:
    certificate = Certificate(tmp_path, "other.example")

    async def go() -> tuple[Reply, list[str]]:
        async with RawServer(answer(b""), tls=certificate.server) as server:
            lookup = FakeDns(["127.0.0.1"], port=server.port)
            sender = WebhookSender(30.0, lookup=lookup, vet=loopback_is_public, tls=certificate.client)
            try:
                return await sender(f"https://{NAME}/", {}, "{}"), server.requests
            finally:
                await sender.close()

    reply, requests = asyncio.run(go())
    assert (reply.status, requests) == (None, [])
    assert "TLS" in (reply.trouble or "")


def test_a_redirect_is_not_followed(post: Post, receiver: WebhookReceiver) -> None:
    endpoint, secret = post.listen(receiver.url("/moved"))
    receiver.learn(secret)
    post.happen()
    post.deliver()
    assert [message["path"] for message in receiver.received()] == ["/moved"]
    (found,) = post.deliveries(endpoint)
    assert (found.state, found.trouble) == ("pending", "it answered 302; redirects are not followed")


def test_the_status_decides_whatever_comes_after_it(post: Post, receiver: WebhookReceiver) -> None:
    endpoint, secret = post.listen(receiver.url("/flood"))
    receiver.learn(secret)
    post.happen()
    post.deliver()
    assert [found.state for found in post.deliveries(endpoint)] == ["delivered"]


def test_a_head_without_end_is_no_answer(post: Post, receiver: WebhookReceiver) -> None:
    endpoint, secret = post.listen(receiver.url("/head"))
    receiver.learn(secret)
    post.happen()
    post.deliver()
    (found,) = post.deliveries(endpoint)
    assert (found.state, found.status) == ("pending", None)
    assert "too long" in (found.trouble or "")


def test_an_answer_that_does_not_come_ends_the_try(post: Post, receiver: WebhookReceiver) -> None:
    endpoint, secret = post.listen(receiver.url("/hang"))
    receiver.learn(secret)
    post.happen()
    post.deliver(limits=WorkerLimits(0.2, LIMITS.disable_seconds))
    (found,) = post.deliveries(endpoint)
    assert (found.state, found.trouble) == ("pending", "no answer within 0.2 s")
    receiver.release()


@pytest.mark.parametrize(
    "url",
    [
        "https://10.0.0.1/",
        "https://127.0.0.1/",
        "https://169.254.169.254/latest",
        "https://[::1]/",
        "https://localhost/",
    ],
)
@pytest.mark.parametrize("dev", [True, False])
def test_a_private_address_is_never_connected_to(post: Post, url: str, dev: bool) -> None:
    endpoint, _ = post.listen(url)
    post.happen()
    post.deliver(dev=dev)
    (found,) = post.deliveries(endpoint)
    assert (found.state, found.status) == ("pending", None)
    assert "not allowed" in (found.trouble or "")


def test_this_machine_is_reached_in_development_alone(post: Post, receiver: WebhookReceiver) -> None:
    endpoint, secret = post.listen(receiver.url())
    receiver.learn(secret)
    post.happen()
    post.deliver(dev=False)
    assert receiver.received() == []
    (found,) = post.deliveries(endpoint)
    assert "https only" in (found.trouble or "")
    post.clock.now += MINUTE
    post.deliver(dev=True)
    assert len(receiver.received()) == 1


def test_nobody_there_is_a_failure_like_any_other(post: Post) -> None:
    with WebhookReceiver() as gone:
        url = gone.url()
    endpoint, _ = post.listen(url)
    post.happen()
    post.deliver()
    assert [(found.state, found.status) for found in post.deliveries(endpoint)] == [("pending", None)]
