"""One way to make the group of commands of a noun, so that all behave alike."""

from __future__ import annotations

import typer

CONTEXT = {"help_option_names": ["--help", "-h"], "max_content_width": 100}
"""How every command shows its help."""


def noun(help: str) -> typer.Typer:
    """A group of commands; called without one it shows them."""
    return typer.Typer(
        help=help,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        context_settings=CONTEXT,
    )
