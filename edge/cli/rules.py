"""``farebox rules``: the prices of a site, from a file and back, with every version kept."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from sqlalchemy import Connection

from edge.cli.nouns import noun
from edge.cli.rehearsals import rehearse_address
from edge.cli.terminal import (
    Column,
    CommandFailed,
    JsonFlag,
    WrongUsage,
    counted,
    note,
    say,
    show_json,
    show_rows,
    time_text,
)
from edge.cli.workplace import reading, writing
from edge.core.rule_fields import rule_fields
from edge.core.rule_file import InvalidRuleFile, parse_rules, to_document, to_toml
from edge.core.rule_lint import Doubt, finding_text
from edge.core.rule_lint import lint as lint_rules
from edge.core.rules import RuleSet
from edge.store.database import now_micros
from edge.store.policy import UNPUBLISHED
from edge.store.rulesets import (
    Version,
    find_draft,
    find_version,
    history,
    live_version,
    publish_rules,
    roll_back,
    save_draft,
)
from edge.store.sites import Site, find_site

app = noun("Rules: what each crawler pays where. The first that matches decides.")
app.command(
    "test",
    epilog='Example: farebox rules test https://news.example/a --site news.example --crawler GPTBot --offer "USD 0.01"',
)(rehearse_address)

SiteOption = Annotated[str, typer.Option("--site", help="The site's host.")]
NoteOption = Annotated[str | None, typer.Option("--note", help="Why, for the history.")]
VersionOption = Annotated[int | None, typer.Option("--version", help="A published version; else the live one.")]
FileArgument = Annotated[Path, typer.Argument(help="A rules file: TOML, or JSON when it ends in .json.")]

_RULE_COLUMNS = (
    Column("#", "position", numeric=True),
    Column("NAME", "name"),
    Column("WHO", "who"),
    Column("WHERE", "where"),
    Column("ACTION", "action"),
    Column("PRICE", "price", numeric=True),
    Column("NOTES", "notes"),
)
_TERMS = ("free_pages", "free_period", "recrawl_hours", "recrawl_unchanged", "rate")
_HISTORY_COLUMNS = (
    Column("VERSION", "version", numeric=True),
    Column("LIVE", "live"),
    Column("RULES", "rules", numeric=True),
    Column("PUBLISHED", "published_at"),
    Column("BY", "published_by"),
    Column("NOTE", "note"),
)


@app.command("apply", epilog='Example: farebox rules apply rules.toml --site news.example --publish --note "spring"')
def apply(
    file: FileArgument,
    site: SiteOption,
    publish: Annotated[
        bool, typer.Option("--publish", help="Make them live at once; else they become the draft.")
    ] = False,
    replace_draft: Annotated[bool, typer.Option("--replace-draft", help="Overwrite a draft that is open.")] = False,
    note_text: NoteOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Read a rules file into the site's draft, or publish it."""
    with writing() as connection:
        target = find_site(connection, site)
        rules = read_rules_file(file, target.currency)
        if publish:
            live = target.live_version or 0
            made = publish_rules(connection, target.site_id, rules, live, note_text, author(), now_micros())
            done = {"site": target.host, "version": made.version, "rules": len(rules.rules)}
        else:
            _replace_draft(connection, target, rules, replace_draft)
            done = {"site": target.host, "version": None, "rules": len(rules.rules)}
    warn_of_shadows(rules)
    if as_json:
        show_json(done)
    elif publish:
        say(f"version {done['version']} is live at {target.host}; the edge follows within a second")
    else:
        say(f"the draft of {target.host} is saved; publish it in the dashboard, or apply again with --publish")


@app.command("show", epilog="Example: farebox rules show --site news.example")
def show(
    site: SiteOption,
    version: VersionOption = None,
    draft: Annotated[bool, typer.Option("--draft", help="The draft instead of what is live.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Show a site's rules in order: live, drafted, or of an older version."""
    rules = _rules_of(site, version, draft)
    if as_json:
        show_json(to_document(rules))
        return
    rows = [_rule_row(position, rule_fields(rule)) for position, rule in enumerate(rules, start=1)]
    show_rows(rows, _RULE_COLUMNS, False, "no rules")


@app.command("history", epilog="Example: farebox rules history --site news.example")
def show_history(
    site: SiteOption,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many versions, the newest first.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """List the published versions, the newest first."""
    with reading() as connection:
        target = find_site(connection, site)
        rows = [_version_row(known, target) for known in history(connection, target.site_id, limit=limit)]
    show_rows(
        rows, _HISTORY_COLUMNS, as_json, f"{target.host} has no published rules yet; everything passes for nothing"
    )


@app.command("rollback", epilog="Example: farebox rules rollback 3 --site news.example")
def rollback(
    version: Annotated[int, typer.Argument(help="The version whose rules to publish again.")],
    site: SiteOption,
    note_text: NoteOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Publish an old version's rules again, as a new version."""
    with writing() as connection:
        target = find_site(connection, site)
        live = target.live_version or 0
        made = roll_back(connection, target.site_id, version, live, note_text, author(), now_micros())
    if as_json:
        show_json({"site": target.host, "version": made.version, "rules": len(made.rules.rules)})
    else:
        say(f"version {made.version}, with the rules of version {version}, is live at {target.host}")


@app.command("lint", epilog="Example: farebox rules lint rules.toml --currency EUR")
def lint(
    file: Annotated[
        Path | None, typer.Argument(help="A rules file; without one the site's live rules are read.")
    ] = None,
    site: Annotated[str | None, typer.Option("--site", help="The site whose currency counts.")] = None,
    currency: Annotated[str, typer.Option(help="Currency of the prices, where no site says it.")] = "USD",
    as_json: JsonFlag = False,
) -> None:
    """Check rules without applying them; fails when a rule is wrong or can never decide."""
    if file is None and site is None:
        raise WrongUsage("nothing to check was named; give a rules file, or --site for its live rules")
    if site is not None:
        with reading() as connection:
            currency = find_site(connection, site).currency
    rules = read_rules_file(file, currency) if file is not None else _rules_of(site or "", None, False)
    hidden = shadow_sentences(rules)
    if as_json:
        show_json({"ok": not hidden, "rules": len(rules.rules), "unreachable": hidden})
    if hidden:
        raise CommandFailed(" ".join(hidden))
    if not as_json:
        say(f"{counted(len(rules.rules), 'rule')} and everything else: fine")


@app.command("export", epilog="Example: farebox rules export --site news.example > rules.toml")
def export(
    site: SiteOption,
    version: VersionOption = None,
    draft: Annotated[bool, typer.Option("--draft", help="The draft instead of what is live.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Print a site's rules as a rules file that reads back to them."""
    rules = _rules_of(site, version, draft)
    if as_json:
        default = {"action": rules.default.action.value, "price": str(rules.default.price or "") or None}
        show_json(_kept({"rule": [rule_fields(rule) for rule in rules.rules], "default": default}))
    else:
        say(to_toml(rules).rstrip("\n"))


def read_rules_file(path: Path, currency: str) -> RuleSet:
    """Read a rules file; raises ``CommandFailed`` that names the file."""
    form: Literal["toml", "json"] = "json" if path.suffix == ".json" else "toml"
    try:
        return parse_rules(path.read_text(encoding="utf-8"), form, currency)
    except OSError as why:
        raise CommandFailed(f"the rules file {path} cannot be read ({why.strerror}); check its path") from why
    except (InvalidRuleFile, UnicodeDecodeError) as why:
        raise CommandFailed(f"{path}: {why}") from why


def shadow_sentences(rules: RuleSet) -> list[str]:
    """A sentence for each rule that can never decide."""
    return [finding_text(found, rules) for found in lint_rules(rules) if found.doubt is not Doubt.NOTHING_LEFT]


def warn_of_shadows(rules: RuleSet) -> None:
    """Say on stderr which rules can never decide."""
    for sentence in shadow_sentences(rules):
        note(f"warning: {sentence}")


def author() -> str:
    """Who publishes from the command line: the system's name of this user."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (OSError, KeyError):
        return "command line"


def _replace_draft(connection: Connection, target: Site, rules: RuleSet, replace_draft: bool) -> None:
    open_draft = find_draft(connection, target.site_id)
    if open_draft is not None and not replace_draft:
        raise CommandFailed(
            f"{open_draft.edited_by} has a draft open since {time_text(open_draft.edited_at_micros)}; "
            "publish or discard it in the dashboard, or apply again with --replace-draft"
        )
    seen = open_draft.revision if open_draft else None
    save_draft(connection, target.site_id, rules, seen, author(), now_micros())


def _rules_of(host: str, version: int | None, draft: bool) -> RuleSet:
    with reading() as connection:
        target = find_site(connection, host)
        if draft:
            found_draft = find_draft(connection, target.site_id)
            if found_draft is None:
                raise CommandFailed(f"{target.host} has no draft open; leave --draft out for what is live")
            return found_draft.rules
        if version is None:
            found = live_version(connection, target.site_id)
            return found.rules if found else UNPUBLISHED
        found = find_version(connection, target.site_id, version)
    if found is None:
        raise CommandFailed(
            f"{target.host} has no version {version}; `farebox rules history --site {target.host}` lists them"
        )
    return found.rules


def _rule_row(position: int, fields: dict[str, Any]) -> dict[str, Any]:
    who = {name: value for name, value in (fields["who"] or {}).items() if value is not None}
    rest = ("query", "when", "licence", "on_ledger_error", "block_status", "block_text", *_TERMS)
    notes = [_note(name, fields[name]) for name in rest if fields[name] is not None]
    return {
        **fields,
        "position": position,
        "who": ", ".join(f"{name} {value}" for name, value in who.items()) or "any bot",
        "notes": (["disabled"] if fields["enabled"] is False else []) + notes,
    }


def _note(name: str, value: Any) -> str:
    """One key of a rule for the table: ``when fri, sat 18:00-24:00``, ``recrawl_unchanged``, ``rate 60/minute``."""
    if name == "when":
        return f"when {', '.join(value['days'])} {value['from']}-{value['to']}"
    return name if value is True else f"{name} {value}"


def _version_row(known: Version, target: Site) -> dict[str, Any]:
    return {
        "version": known.version,
        "live": known.version == target.live_version,
        "rules": len(known.rules.rules),
        "published_at": time_text(known.published_at_micros),
        "published_by": known.published_by,
        "note": known.note,
    }


def _kept(value: Any) -> Any:
    """The value without what is None, as a rules file leaves it out."""
    match value:
        case dict():
            return {name: _kept(item) for name, item in value.items() if item is not None}
        case list():
            return [_kept(item) for item in value]
        case _:
            return value
