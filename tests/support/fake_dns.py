"""The border to DNS: answers from a script and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Sequence


class FakeDns:
    """A ``Lookup``: gives each scripted answer once and the last one for ever; ``asked`` are the names.

    ``port`` replaces the one that was asked for, because a test cannot listen on 443.
    """

    def __init__(self, *answers: Sequence[str], port: int | None = None) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.port = port

    async def __call__(self, host: str, port: int) -> Sequence[tuple[str, int]]:
        self.asked.append(host)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [(address, self.port or port) for address in answer]
