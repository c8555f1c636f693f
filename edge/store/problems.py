"""What a person or a file got wrong about stored things; broken machinery is not among them.

The text of each is one plain sentence that says what to do; forms put it next to ``field``, the command line on stderr.
"""

from __future__ import annotations

from edge.core.errors import EdgeError


class StoreProblem(EdgeError):
    """A change or a question that the stored state does not allow; ``field`` names the value at fault, if one is."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class InvalidValue(StoreProblem):
    """A value that cannot be stored."""


class NameTaken(StoreProblem):
    """Something of that name exists already."""


class UnknownName(StoreProblem):
    """Nothing of that name exists."""
