"""What a person sees while it runs: a bar on a terminal, plain lines for what matters, nothing else in a pipe."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class Screen:
    """Progress and messages, on stderr, so that stdout carries the table alone."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            TextColumn("bench: {task.description:<34}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            console=self._console, transient=True, disable=not sys.stderr.isatty(),
        )  # fmt: skip
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def say(self, text: str, *, error: bool = False) -> None:
        """One line that stays."""
        self._console.print(text, style="red" if error else None, markup=False, soft_wrap=True)

    def expect(self, steps: int) -> None:
        """So many samples will be taken."""
        self._task = self._progress.add_task("", total=steps)

    def at(self, text: str) -> None:
        """What is being done now."""
        if self._task is not None:
            self._progress.update(self._task, description=text)

    def done(self) -> None:
        """One sample was taken."""
        if self._task is not None:
            self._progress.advance(self._task)
