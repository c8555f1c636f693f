"""The options that the commands of a crawl share, and the wallet that they make."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from edge.client.identity import Identity
from edge.client.paid_client import PaidClient
from edge.client.spend_policy import SpendPolicy
from edge.client.spend_store import SpendStore
from edge.client.token_identity import TokenIdentity
from edge.client.wallet import Wallet
from edge.core.errors import EdgeError
from edge.core.receipt_log import read_time

STORE_VARIABLE = "FAREBOX_CRAWL_STORE"
DEFAULT_STORE = Path("spend.db")
_AGO = re.compile(r"([0-9]{1,6})([mhdw])")
_UNIT_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
NeededKey = Annotated[Path, typer.Option("--key", help="Your key file, from keygen.")]
NeededAgent = Annotated[str, typer.Option("--agent", help="Where your key is published: https://bot.example")]
KeyOption = Annotated[Path | None, typer.Option("--key", help="Your key file, from keygen.")]
AgentOption = Annotated[str | None, typer.Option("--agent", help="Where your key is published: https://bot.example")]
TokenFileOption = Annotated[Path | None, typer.Option("--token-file", help="A file with an API token, not a key.")]
TokenHostOption = Annotated[
    list[str] | None, typer.Option("--token-host", help="A host that the token is for; may be repeated.")
]
StoreOption = Annotated[
    Path, typer.Option("--store", envvar=STORE_VARIABLE, help="Your own books, a SQLite file made when needed.")
]
UserAgentOption = Annotated[str | None, typer.Option("--user-agent", help="The name to crawl under.")]
MaxEachOption = Annotated[list[str], typer.Option("--max-each", help="The most for one page; once per currency.")]
TotalOption = Annotated[list[str] | None, typer.Option("--total", help="The most that --store ever spends.")]
PerDayOption = Annotated[list[str] | None, typer.Option("--per-day", help="The most in a UTC day.")]
PerDomainOption = Annotated[
    list[str] | None, typer.Option("--per-domain-day", help="The most at one host in a UTC day.")
]
AllowOption = Annotated[list[str] | None, typer.Option("--allow", help="Spend at this domain only; may be repeated.")]
DenyOption = Annotated[list[str] | None, typer.Option("--deny", help="Never spend at this domain; may be repeated.")]
RobotsFlag = Annotated[bool, typer.Option("--ignore-robots", help="Do not ask robots.txt first.")]


class BadWords(EdgeError):
    """Words on the command line that do not fit together; exit code 2."""


def policy_of(
    max_each: Sequence[str],
    total: Sequence[str] | None = None,
    per_day: Sequence[str] | None = None,
    per_domain_day: Sequence[str] | None = None,
    allow: Sequence[str] | None = None,
    deny: Sequence[str] | None = None,
    **more: Any,
) -> SpendPolicy:
    """The policy that the options describe. Raises ``BadPolicy``."""
    return SpendPolicy(
        per_request=max_each,
        total=total or None,
        per_day=per_day or None,
        per_domain_day=per_domain_day or None,
        allow_domains=allow or None,
        deny_domains=deny or (),
        **more,
    )


def identity_of(
    key: Path | None, agent: str | None, token_file: Path | None = None, token_hosts: Sequence[str] | None = None
) -> Identity | TokenIdentity:
    """Who crawls: a key signs, or an API token is sent. Raises ``BadWords`` and ``IdentityProblem``."""
    if token_file is not None:
        if key is not None or not token_hosts:
            raise BadWords("give --key, or --token-file with a --token-host for each host that the token is for")
        return TokenIdentity.load(token_file, token_hosts, agent)
    if key is None or agent is None or token_hosts:
        raise BadWords("say who crawls: --key bot.pem --agent https://bot.example, or --token-file with --token-host")
    return Identity.load(key, agent)


@contextmanager
def wallet_at(store: Path | str, who: Identity | TokenIdentity, policy: SpendPolicy) -> Iterator[Wallet]:
    """A wallet, closed at the end."""
    with closing(Wallet(who, policy, store)) as wallet:
        yield wallet


def client_of(wallet: Wallet, user_agent: str | None) -> PaidClient:
    """A client that goes by this name."""
    return PaidClient(wallet, headers={"user-agent": name_of(user_agent)})


def name_of(user_agent: str | None) -> str:
    """The User-Agent to send."""
    return user_agent or f"farebox-crawl/{version('farebox')}"


def store_at(path: Path) -> SpendStore:
    """An existing spend store. Raises ``BadWords``: a command that only reads makes none."""
    if not path.exists():
        raise BadWords(f"there is no spend store at {path}; name it with --store, or with {STORE_VARIABLE}")
    return SpendStore(path)


def urls_in(path: str) -> list[str]:
    """The addresses in a file, one a line; ``-`` is standard input. Raises ``BadWords``."""
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text("utf-8")
    except (OSError, UnicodeError) as why:
        raise BadWords(f"{path} cannot be read ({why}); give a file with one address a line, or -") from why
    lines = [line.strip() for line in text.splitlines()]
    return list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))


def since_micros(text: str | None) -> int:
    """Microseconds since the epoch of ``2026-11-20``, ``2026-11-20T14:00Z`` or ``7d`` (ago). Raises ``BadWords``."""
    if text is None:
        return 0
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return time.time_ns() // 1_000 - int(ago[1]) * _UNIT_SECONDS[ago[2]] * 1_000_000
    try:
        return read_time(text) or 0
    except (ValueError, OverflowError) as why:
        raise BadWords(f"--since {text!r} is not a time; write 2026-11-20, 2026-11-20T14:00Z or 7d (ago)") from why


@contextmanager
def bar_of(words: str, total: int) -> Iterator[Progress | None]:
    """A progress bar on a terminal, with one task; nothing in a pipe."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        bar.add_task(words, total=total)
        yield bar


def step(bar: Progress | None) -> None:
    """One more is done."""
    if bar is not None:
        bar.advance(bar.tasks[0].id)
