"""What an operator can set: the environment over ``farebox.toml`` over defaults, read once and frozen.

Rules of this file:

- every setting is a field of ``Settings`` with a sentence; ``FAREBOX_<NAME>`` in the environment and ``<name>`` in
  the file are its two spellings;
- a name that is not a setting is refused, because a misspelt setting is a setting that does not work;
- nothing here looks at the process: the environment comes in as a mapping and the directory as a path, so only the
  command line and the application factories decide what is read.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from edge.core.addresses import AddressForm
from edge.core.errors import EdgeError
from edge.setting_values import Bind, BindAddress, Networks, check_database_url, check_web_url

PREFIX = "FAREBOX_"
CRAWLER_PREFIX = "FAREBOX_CRAWL_"
"""What `farebox-crawl` reads; on one machine with an edge it is no misspelt setting."""
FILE_NAME = "farebox.toml"


class InvalidSettings(EdgeError):
    """Settings that cannot be used; ``problems`` holds one plain sentence for each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


class Settings(BaseModel):
    """Every setting of edge and dashboard; times in seconds, sizes in bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    database_url: Annotated[str, AfterValidator(check_database_url)] = Field(
        default="sqlite:///farebox.db",
        repr=False,
        description="The ledger's database: sqlite:///FILE for one process, postgresql+psycopg://... for several.",
    )
    edge_bind: BindAddress = Field(default=Bind("127.0.0.1", 8402), description="Where crawlers and visitors connect.")
    dashboard_bind: BindAddress = Field(
        default=Bind("127.0.0.1", 8403), description="Where publishers connect to the dashboard."
    )
    admin_bind: BindAddress = Field(
        default=Bind("127.0.0.1", 9402), description="Where /livez, /readyz and /metrics answer; keep it private."
    )
    operator: str = Field(
        default="local",
        pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$",
        description="Who runs this edge: the issuer's name in receipts and payment networks.",
    )
    data_dir: Path = Field(
        default=Path("farebox-data"), description="Directory of the service keys; shared by all nodes of one edge."
    )
    checkpoint_file: Path | None = Field(
        default=None,
        description="Where every signed checkpoint is added as a line; default checkpoints.jws in the data directory.",
    )
    checkpoint_seconds: float = Field(
        default=60.0,
        ge=1,
        le=86_400,
        description="How often the ends of the ledger's chains are signed, when there is something new.",
    )
    node: str = Field(
        default="",
        max_length=200,
        description="This node's name in the ledger's chains; empty means the machine's name.",
    )
    workers: int = Field(
        default=1, ge=1, le=64, description="Edge processes on this machine; more than one needs PostgreSQL."
    )
    trusted_proxies: Networks = Field(
        default=(), description="Addresses of fronts whose X-Forwarded-For and X-Forwarded-Proto are believed."
    )
    directories: Literal["registered", "discover"] = Field(
        default="registered",
        description="Whose key directories are read: of registered crawlers, or of any that signs (discover).",
    )
    address_feeds: bool = Field(
        default=True, description="Fetch the address lists that operators of crawlers publish, about once a day."
    )
    catalogue_file: Path | None = Field(
        default=None,
        description="TOML file with your own crawlers, address lists and names in DNS, over the shipped ones.",
    )
    reverse_dns: bool = Field(
        default=True, description="Ask DNS, behind the request, whether an address belongs to the crawler it claims."
    )
    dev: bool = Field(
        default=False,
        description="Development: published test keys, and http to this machine for key directories and webhooks, "
        "are allowed.",
    )
    dashboard_url: Annotated[str | None, AfterValidator(check_web_url)] = Field(
        default=None, description="The dashboard's address as people type it, when a front stands before it."
    )
    contact: str | None = Field(
        default=None,
        max_length=200,
        description="Address or page that refusals name when the site has none of its own.",
    )
    header_deadline_seconds: float = Field(
        default=10.0, gt=0, le=120, description="A client that has not sent its whole request head by then is cut off."
    )
    client_stall_seconds: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description="A client that is waited for and moves no byte for so long is cut off; at half the lowest rate, "
        "twice as long.",
    )
    client_bytes_per_second: int = Field(
        default=500,
        ge=0,
        le=1_000_000,
        description="Lowest rate at which a client takes an answer and sends content; 0 asks only that it moves.",
    )
    answer_seconds: float = Field(
        default=900.0,
        gt=0,
        le=86_400,
        description="Longest time from an answer's first byte until its last has arrived.",
    )
    connections_per_address: int = Field(
        default=512,
        ge=1,
        le=1_000_000,
        description="Connections to one port from one client address (IPv6: /64), in one process.",
    )
    connections: int = Field(
        default=10_000, ge=1, le=1_000_000, description="Connections to one port in all, in one process."
    )
    request_body_bytes: int = Field(
        default=10_485_760, ge=0, description="Largest request body that is passed on to an origin."
    )
    body_buffer_bytes: int = Field(
        default=262_144,
        ge=1024,
        le=16_777_216,
        description="A paid body up to this size is whole before it is charged.",
    )
    origin_connect_seconds: float = Field(
        default=5.0, gt=0, le=120, description="Longest wait for a connection to an origin."
    )
    origin_timeout_seconds: float = Field(
        default=30.0, gt=0, le=600, description="Longest wait for an origin's next bytes, its answer's head included."
    )
    origin_connections: int = Field(
        default=256, ge=1, le=10_000, description="Connections to all origins together that one process keeps."
    )
    policy_poll_seconds: float = Field(
        default=0.5, gt=0, le=60, description="How often a process looks for changed rules, sites and accounts."
    )
    drain_seconds: float = Field(
        default=30.0,
        ge=0,
        le=600,
        description="How long answers under way may take after the process was told to stop.",
    )
    webhook_seconds: float = Field(
        default=15.0, gt=0, le=60, description="Longest wait for an answer to a webhook, everything included."
    )
    webhook_disable_days: float = Field(
        default=5.0, ge=0.1, le=365, description="A webhook that took nothing for so many days is disabled."
    )
    webhook_retention_days: float = Field(
        default=30.0, ge=4, le=3650, description="How long events stay for lists and replay."
    )
    addresses: AddressForm = Field(
        default=AddressForm.TRUNCATE,
        description="What is written of crawlers' addresses: truncate (the /24 or /48), hash (a key a day), or full.",
    )
    activity_rows_per_second: int = Field(
        default=10,
        ge=0,
        le=100_000,
        description="Requests of crawlers that a process writes down one by one, on average; of more an even sample, "
        "0 for none.",
    )
    activity_days: int = Field(
        default=30, ge=1, le=3650, description="How long single requests of crawlers are kept, in days."
    )
    traffic_minute_days: int = Field(
        default=7, ge=1, le=3650, description="How long the sums of requests by the minute are kept, in days."
    )
    traffic_months: int = Field(
        default=25,
        ge=1,
        le=240,
        description="How many whole months the sums by the hour and the day are kept, beside the current one.",
    )
    estimate_log_bytes: int = Field(
        default=268_435_456,
        ge=1024,
        le=17_179_869_184,
        description="Largest access log that the dashboard takes for an estimate; packed ones count packed.",
    )
    registration: bool = Field(
        default=True, description="Whether crawlers may ask to be registered; a person approves them in any case."
    )
    payment_webhook_secret_file: Path | None = Field(
        default=None,
        description="File with the secrets (whsec_..., one a line) that sign payment messages; none: none are taken.",
    )
    stripe_webhook_secret_file: Path | None = Field(
        default=None,
        description="File with the signing secrets of Stripe's webhook endpoint, one a line; none: none are taken.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severity that is logged."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="json for machines, console for people; auto is console on a terminal."
    )

    @model_validator(mode="after")
    def _one_process_on_sqlite(self) -> Settings:
        if self.workers > 1 and self.is_embedded:
            raise ValueError("workers above 1 need PostgreSQL; set database_url, or workers to 1")
        return self

    @model_validator(mode="after")
    def _one_address_is_not_everybody(self) -> Settings:
        if self.connections_per_address > self.connections:
            raise ValueError("set connections, which counts all addresses, no lower than connections_per_address")
        return self

    @property
    def is_embedded(self) -> bool:
        """Whether the database is SQLite, which one process writes."""
        return self.database_url.startswith("sqlite:")

    @property
    def database_file(self) -> Path | None:
        """The SQLite file, or None on PostgreSQL."""
        return Path(self.database_url.removeprefix("sqlite:///")) if self.is_embedded else None

    @property
    def kept_checkpoints(self) -> Path:
        """The file that every checkpoint is added to."""
        return self.checkpoint_file or self.data_dir / "checkpoints.jws"

    @property
    def dashboard_address(self) -> str:
        """Where people reach the dashboard: as set, else as bound."""
        return self.dashboard_url or f"http://{self.dashboard_bind}"

    def public_dump(self) -> dict[str, Any]:
        """Every value in plain JSON types, the database password hidden; safe to print."""
        return {**self.model_dump(mode="json"), "database_url": hide_password(self.database_url)}


@dataclass(frozen=True, slots=True)
class Layers:
    """The values that were set, before they are checked, and where each came from (``sources``)."""

    values: Mapping[str, Any]
    sources: Mapping[str, str]


def hide_password(url: str) -> str:
    """The URL with its password replaced, for logs and screens."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    name, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{name.partition(':')[0]}:***@{host}"))


def load_settings(environment: Mapping[str, str], directory: Path | None = None) -> Settings:
    """Read and check all settings; ``directory`` is where ``farebox.toml`` is looked for (default: here).

    Raises ``InvalidSettings`` for an unknown name, a value that does not fit, or a file that cannot be read.
    """
    return check_settings(read_layers(environment, directory or Path()))


def check_settings(layers: Layers) -> Settings:
    """Turn the values that were set into ``Settings``; raises ``InvalidSettings``."""
    try:
        return Settings.model_validate(dict(layers.values))
    except ValidationError as errors:
        raise InvalidSettings(tuple(_sentence(dict(error), layers) for error in errors.errors())) from None


def read_layers(environment: Mapping[str, str], directory: Path) -> Layers:
    """Collect what the file and the environment set; raises ``InvalidSettings`` for unknown names."""
    values, sources, problems = _read_file(directory)
    for name, text in environment.items():
        if not name.startswith(PREFIX) or name.startswith(CRAWLER_PREFIX):
            continue
        field = name.removeprefix(PREFIX).lower()
        if name != name.upper() or field not in Settings.model_fields:
            problems.append(_unknown(name, [PREFIX + known.upper() for known in Settings.model_fields]))
            continue
        values[field] = text
        sources[field] = name
    if problems:
        raise InvalidSettings(tuple(problems))
    return Layers(values, sources)


def _read_file(directory: Path) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    path = directory / FILE_NAME
    if not path.exists():
        return {}, {}, []
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as why:
        raise InvalidSettings((f"The settings file {path} cannot be read: {why.strerror}.",)) from why
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as why:
        raise InvalidSettings((f"The settings file {path} is not TOML: {why}.",)) from why
    known = list(Settings.model_fields)
    problems = [_unknown(key, known, f" in {path}") for key in document if key not in Settings.model_fields]
    return dict(document), {key: str(path) for key in document}, problems


def _unknown(name: str, known: list[str], where: str = "") -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else "`farebox config schema` lists all settings."
    return f"{name}{where} is not a setting; {hint}"


def _sentence(error: Mapping[str, Any], layers: Layers) -> str:
    """One validation error as a sentence that names the setting as the operator wrote it."""
    why = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return f"{why[:1].upper()}{why[1:]}."
    field = str(error["loc"][0])
    source = layers.sources.get(field, field)
    name = source if source.startswith(PREFIX) else f"{field} in {source}"
    return f"{name} cannot be used: {why[:1].lower()}{why[1:]}."
