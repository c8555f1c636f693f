"""The list of operations in docs/api.md, made from the table by ``make api-docs``.

A test holds the page against it, so that the page cannot say something else than the table does.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from publisher_dashboard.api.openapi import codes_of, scopes_of
from publisher_dashboard.api.operations import Operation
from publisher_dashboard.api.problems import REASONS, Code
from publisher_dashboard.api.routes import OPERATIONS
from publisher_dashboard.rendering import plural

_BETWEEN = re.compile(r"(?s)(?<=<!-- operations -->\n).*(?=<!-- end of operations -->)")


def reference(operations: Iterable[Operation]) -> str:
    """Every operation in a table, then every code."""
    lines = ["| operation | what it does | scope |", "|---|---|---|"]
    for one in operations:
        path = re.sub(r"\{(\w+)(?::\w+)?\}", r"{\1}", one.path)
        lines.append(f"| `{one.method} {path}`{_parameters(one)} | {_words(one)} | {_scopes(one)} |")
    lines += ["", "| code | status | what it says | where |", "|---|---|---|---|"]
    every = tuple(operations)
    lines += [
        f"| `{code.value}` | {status.value} | {words} | {_where(code, every)} |"
        for code, (status, words) in REASONS.items()
    ]
    return "\n" + "\n".join(lines) + "\n\n"


def renewed(page: str, operations: Iterable[Operation]) -> str:
    """The page with its list made anew."""
    listed = reference(tuple(operations))
    return _BETWEEN.sub(lambda _: listed, page)


def _parameters(one: Operation) -> str:
    names = [field.alias or name for name, field in one.asks.model_fields.items()]
    return f" ({', '.join(names)})" if names else ""


def _words(one: Operation) -> str:
    headers = [name for name, asked in (("If-Match", one.if_match), ("Idempotency-Key", one.idempotent)) if asked]
    told = " ".join((one.work.__doc__ or "").split()) + (" Costly." if one.costly else "")
    return f"{told} Takes {' and '.join(f'`{name}`' for name in headers)}." if headers else told


def _scopes(one: Operation) -> str:
    found = scopes_of(one.need)
    return "any" if len(found) > 3 else " or ".join(f"`{scope}`" for scope in found)


def _where(code: Code, operations: tuple[Operation, ...]) -> str:
    count = sum(code in codes_of(one) for one in operations)
    return "anywhere" if count in (0, len(operations)) else plural(count, "operation")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(renewed(target.read_text("utf-8"), OPERATIONS), "utf-8")
