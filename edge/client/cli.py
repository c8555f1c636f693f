"""``farebox-crawl``: make a key, publish it, ask prices, buy pages and keep the books.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 partly done (the page is elsewhere). What was asked for goes to stdout,
everything else to stderr.
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from typer.exceptions import Abort, TyperException

from edge.client.advice import DONE, FAILED, WRONG_USAGE, document, exit_code, sentences
from edge.client.crawl_options import BadWords
from edge.client.doctor_command import doctor, quote
from edge.client.flow import Headers, Sign, buy
from edge.client.identity import NONCE_BYTES, Identity, check_agent, load_key, make_key_file, nonce_from
from edge.client.loopback import is_loopback
from edge.client.outcomes import Outcome
from edge.client.page_file import PageDropped, PageFile, PagePrint, PageSink
from edge.client.page_url import authority, page_url
from edge.client.plan_command import plan
from edge.client.receipt_file import ReceiptFile
from edge.client.reconcile_command import reconcile
from edge.client.register_command import register
from edge.client.run_command import run as run_list
from edge.client.session import Progress as ReportProgress
from edge.client.session import Route, Session
from edge.client.spend_policy import BadPolicy
from edge.client.spent_commands import receipts, resolve, spent
from edge.core.directory import build_directory
from edge.core.errors import EdgeError
from edge.core.keys import public_half, public_keys_to_jwks
from edge.core.money import InvalidPrice, parse_price
from edge.core.request_signing import Dialect
from edge.core.signature_agent import WELL_KNOWN_PATH
from edge.core.terms import Offer, OfferKind

INTERRUPTED = 130
FOLLOW_MAX = 10
LOG_VARIABLE = "FAREBOX_CRAWL_LOG"
SPELLINGS: dict[str, Dialect] = {"bare": "A", "dictionary": "B", "key-set": "C"}

app = typer.Typer(
    name="farebox-crawl",
    help="Buy pages from publishers who charge crawlers.",
    epilog="Start with: farebox-crawl keygen --out bot.pem --agent https://bot.example",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
KeyOption = Annotated[Path | None, typer.Option("--key", help="Your key file, from keygen.")]
AgentOption = Annotated[str | None, typer.Option("--agent", help="Where your key is published: https://bot.example")]


class WrongUsage(EdgeError):
    """Words on the command line that do not fit together; exit code 2."""


@app.command(epilog="Example: farebox-crawl keygen --out bot.pem --agent https://bot.example")
def keygen(
    out: Annotated[Path, typer.Option("--out", help="Where to write the private key; never overwritten.")],
    agent: AgentOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a crawler's key and say how to publish it."""
    where = None if agent is None else check_agent(agent).url
    public = public_half(make_key_file(out))
    key_set = public_keys_to_jwks([public]).decode("ascii")
    if as_json:
        _show_json({"key_file": str(out), "thumbprint": public.thumbprint, "jwks": orjson.loads(key_set), "url": where})
        return
    typer.echo(f"Private key: {out} (keep it secret: who has it can spend your credit)")
    typer.echo(f"Thumbprint:  {public.thumbprint}")
    typer.echo(f"Publish this at {where or 'https://YOUR-HOST' + WELL_KNOWN_PATH}:")
    typer.echo(key_set)
    typer.echo("Once it is published, ask each edge that sells pages to register you:")
    agent = agent or "https://YOUR-HOST"
    typer.echo(f"farebox-crawl register https://SITE --key {out} --agent {agent} --contact YOU@YOUR-HOST")


@app.command(epilog="Example: farebox-crawl directory bot.pem > http-message-signatures-directory")
def directory(
    keys: Annotated[list[Path], typer.Argument(help="Key files; name the new and the old one while you rotate.")],
    agent: AgentOption = None,
    headers: Annotated[bool, typer.Option("--headers", help="Print the signed response headers too.")] = False,
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="How long these headers shall hold.")] = 7,
    as_json: JsonFlag = False,
) -> None:
    """Print the key set to publish, for /.well-known/http-message-signatures-directory on your host."""
    private_keys = [load_key(path) for path in keys]
    if not headers:
        typer.echo(public_keys_to_jwks([public_half(key) for key in private_keys]).decode("ascii"))
        return
    if agent is None:
        raise WrongUsage("The headers are signed for one host; name it with --agent https://bot.example.")
    now = int(time.time())
    authority_of_agent = authority(check_agent(agent).url)
    signed = build_directory(private_keys, authority_of_agent, now, now + days * 86_400)
    if as_json:
        _show_json({"headers": dict(signed.headers), "body": signed.body.decode("ascii")})
        return
    for name, value in signed.headers.items():
        typer.echo(f"{name}: {value}")
    typer.echo("")
    typer.echo(signed.body.decode("ascii"))


@app.command(
    epilog="Example: farebox-crawl get https://news.example/articles/1 --key bot.pem --agent https://bot.example"
    " --max 'USD 0.01' --out page.html"
)
def get(
    url: Annotated[str, typer.Argument(help="The page's address.")],
    key: KeyOption = None,
    agent: AgentOption = None,
    maximum: Annotated[str | None, typer.Option("--max", help="The most you pay, 'USD 0.01'; else only ask.")] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Pay exactly --max, nothing else.")] = False,
    out: Annotated[Path | None, typer.Option("--out", help="File for the page; else standard output.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Follow redirects, with a new signature each.")] = False,
    spelling: Annotated[str, typer.Option("--signature-agent", help="bare, dictionary or key-set.")] = "dictionary",
    user_agent: Annotated[str | None, typer.Option("--user-agent", help="The name to crawl under.")] = None,
    connect: Annotated[str | None, typer.Option("--connect", help="HOST:PORT to connect to instead.")] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, help="Longest wait for the server, seconds.")] = 30.0,
    log: Annotated[
        Path | None, typer.Option("--log", envvar=LOG_VARIABLE, help="Your receipt log: a line for each charge.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Get one page for at most --max; without --max, ask what it costs.

    A transfer that breaks is asked for again with the same signature, which is never charged twice. A redirect is
    reported with exit code 3 unless --follow is given; each hop carries the offer, and only the last can be charged.
    """
    route = _route(connect)
    address = page_url(url, is_local=route is not None and is_loopback(route[0]))
    offer = _offer(maximum, exact)
    identity = _identity(key, agent, spelling, is_paying=offer is not None)
    if as_json and offer is not None and out is None:
        raise WrongUsage("With --json the page needs a place of its own; add --out FILE.")
    routes = {} if route is None else {authority(address): route}
    is_local = is_loopback(urlsplit(address).hostname or "") or bool(routes)
    with (
        _receipts(log if offer is not None else None) as receipts,
        _progress(out) as report,
        Session(
            _sink(out, as_json), timeout_seconds=timeout, routes=routes, use_environment=not is_local, progress=report
        ) as session,
    ):
        sign = _signer(identity, user_agent or f"farebox-crawl/{version('farebox')}")
        outcome = session.run(buy(address, offer, sign, follow=FOLLOW_MAX if follow else 0))
        if receipts is not None:
            receipts.add(outcome, time.time_ns() // 1_000)
    _tell(outcome, as_json, to_stdout=out is not None)
    raise typer.Exit(exit_code(outcome))


for _name, _command, _example in (
    ("register", register, "https://news.example --key bot.pem --agent https://bot.example --contact b@bot.example"),
    ("quote", quote, "https://news.example/a https://news.example/b --key bot.pem --agent https://bot.example"),
    ("plan", plan, "urls.txt --key bot.pem --agent https://bot.example --max-each 'USD 0.02' --total 'USD 5'"),
    ("run", run_list, "urls.txt --out pages --key bot.pem --agent https://bot.example --max-each 'USD 0.02'"),
    ("spent", spent, "--since 7d"),
    ("receipts", receipts, "--key bot.pem --agent https://bot.example"),
    ("resolve", resolve, "--key bot.pem --agent https://bot.example"),
    ("doctor", doctor, "--key bot.pem --agent https://bot.example --edge https://news.example/articles/1"),
    ("reconcile", reconcile, "charges-2026-11.csv --store spend.db"),
):
    app.command(_name, epilog=f"Example: farebox-crawl {_name} {_example}")(_command)


def main() -> None:
    """The script's entry: run the words of the command line and exit."""
    sys.exit(run(sys.argv[1:]))


def run(words: Sequence[str]) -> int:
    """Run one command; return its exit code. What went wrong is one plain sentence on stderr."""
    if list(words) == ["--version"]:
        typer.echo(f"farebox-crawl {version('farebox')}")
        return DONE
    try:
        code = app(args=list(words) or ["--help"], prog_name="farebox-crawl", standalone_mode=False)
        sys.stdout.flush()
    except (EdgeError, TyperException, Abort, KeyboardInterrupt, BrokenPipeError) as why:
        return _ended_by(why)
    if not words:
        return WRONG_USAGE
    return code if isinstance(code, int) else DONE


def _ended_by(why: BaseException) -> int:
    match why:
        case WrongUsage() | BadWords() | BadPolicy():
            _complain(str(why))
            return WRONG_USAGE
        case EdgeError():
            _complain(str(why))
            return FAILED
        case TyperException():
            _complain(f"{why.format_message().rstrip('.')}; add --help to see how the command is used.")
            return why.exit_code
        case BrokenPipeError():
            # Whoever read our output has seen enough; the interpreter must not try to flush the rest.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return DONE
        case _:
            typer.echo("stopped", err=True)
            return INTERRUPTED


def _complain(sentence: str) -> None:
    typer.echo(f"farebox-crawl: {' '.join(sentence.split())}", err=True)


def _offer(maximum: str | None, exact: bool) -> Offer | None:
    if maximum is None:
        if exact:
            raise WrongUsage("--exact says how to read --max; add --max 'USD 0.01'.")
        return None
    try:
        return Offer(OfferKind.EXACT if exact else OfferKind.MAX, parse_price(maximum))
    except InvalidPrice as why:
        raise WrongUsage(f"--max {why}.") from why


def _identity(key: Path | None, agent: str | None, spelling: str, *, is_paying: bool) -> Identity | None:
    if spelling not in SPELLINGS:
        raise WrongUsage(f"--signature-agent is one of {', '.join(SPELLINGS)}.")
    if key is not None and agent is not None:
        return Identity(load_key(key), agent, SPELLINGS[spelling])
    if is_paying or key is not None or agent is not None:
        raise WrongUsage("A signed request needs both --key bot.pem and --agent https://bot.example.")
    return None


def _route(connect: str | None) -> Route | None:
    if connect is None:
        return None
    host, _, port = connect.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
        raise WrongUsage("--connect is HOST:PORT, such as 127.0.0.1:8402.")
    return host.strip("[]"), int(port)


def _signer(identity: Identity | None, user_agent: str) -> Sign:
    plain = {"accept": "*/*", "accept-encoding": "identity", "user-agent": user_agent}

    def sign(url: str, offer: Offer | None) -> Headers:
        if identity is None:
            return tuple(plain.items())
        nonce = nonce_from(secrets.token_bytes(NONCE_BYTES))
        return tuple(identity.sign(url, plain, offer, time.time(), nonce).items())

    return sign


def _sink(out: Path | None, as_json: bool) -> PageSink:
    if out is not None:
        return PageFile(out)
    return PageDropped() if as_json else PagePrint(sys.stdout.buffer)


@contextmanager
def _receipts(log: Path | None) -> Iterator[ReceiptFile | None]:
    if log is None:
        yield None
        return
    with closing(ReceiptFile(log)) as receipts:
        yield receipts


@contextmanager
def _progress(out: Path | None) -> Iterator[ReportProgress | None]:
    """A progress bar on a terminal, for pages that go to a file; nothing in a pipe."""
    console = Console(stderr=True)
    if out is None or not console.is_terminal:
        yield None
        return
    columns = (TextColumn(out.name), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(out.name, total=None)
        yield lambda received, announced: progress.update(task, completed=received, total=announced)


def _tell(outcome: Outcome, as_json: bool, *, to_stdout: bool) -> None:
    """Results to stdout unless the page itself goes there; failures to stderr."""
    if as_json:
        _show_json(document(outcome))
        if exit_code(outcome) != DONE:
            typer.echo(f"farebox-crawl: {sentences(outcome)[0]}", err=True)
        return
    is_result = exit_code(outcome) == DONE and (to_stdout or document(outcome)["outcome"] == "priced")
    for line in sentences(outcome):
        typer.echo(line, err=not is_result)


def _show_json(values: dict[str, Any]) -> None:
    typer.echo(orjson.dumps(values, option=orjson.OPT_INDENT_2).decode())
