"""``farebox completion``: the script that teaches a shell the commands."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from typer.completion import get_completion_script  # type: ignore[attr-defined]  # its one way to the script

from edge.cli.terminal import say

PROGRAM = "farebox"
COMPLETE_VARIABLE = "_FAREBOX_COMPLETE"


class Shell(StrEnum):
    """The shells that can be taught."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[Shell, typer.Argument(help="Whose script to print.")]) -> None:
    """Print the completion script of a shell; source it, or put it where the shell looks."""
    say(get_completion_script(prog_name=PROGRAM, complete_var=COMPLETE_VARIABLE, shell=shell.value))
