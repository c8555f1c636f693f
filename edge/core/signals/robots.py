"""Read a robots.txt as RFC 9309 does: which group is for whom, what it allows, and what else it says.

Rules of this file: as lenient as the RFC (section 2.2): names of fields in any case, comments cut off, unknown lines
kept apart, never an error; groups of the same agent count together; of the patterns that match, the longest decides,
and of two equally long ones ``Allow``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge.core.signals.patterns import matches

ROBOTS_BYTES_MAX = 500 * 1024
"""As much as a crawler has to read (RFC 9309 section 2.5)."""

_TOKEN = re.compile(r"[^\s/]+")


@dataclass(frozen=True, slots=True)
class Line:
    """One line with a field: its name in lower case, its value stripped."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Group:
    """The lines that stand under one or more ``User-agent`` lines; agents in lower case."""

    agents: tuple[str, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Robots:
    """One robots.txt. ``other`` are the lines before the first group."""

    groups: tuple[Group, ...]
    other: tuple[Line, ...]

    def lines_for(self, agent: str) -> tuple[Line, ...]:
        """The lines that count for a product token: of its own groups, else of those for everybody."""
        own = agent.lower()
        found = [group for group in self.groups if own in group.agents]
        found = found or [group for group in self.groups if "*" in group.agents]
        return tuple(line for group in found for line in group.lines)

    def names(self, agent: str) -> bool:
        """Whether a group is for this product token alone."""
        return any(agent.lower() in group.agents for group in self.groups)

    def allows(self, agent: str, path: str) -> bool:
        """Whether the agent may have the path."""
        return is_allowed(self.lines_for(agent), path)

    def says(self, name: str) -> tuple[str, ...]:
        """The values of every line of that name, wherever it stands."""
        lines = [*self.other, *(line for group in self.groups for line in group.lines)]
        return tuple(line.value for line in lines if line.name == name and line.value)


def is_allowed(lines: tuple[Line, ...], path: str) -> bool:
    """Whether ``Allow`` and ``Disallow`` lines let somebody have a path (RFC 9309 section 2.2.2)."""
    if path == "/robots.txt":
        return True
    found = [
        (len(line.value), line.name == "allow")
        for line in lines
        if line.name in ("allow", "disallow") and line.value and matches(line.value, path)
    ]
    return max(found)[1] if found else True


def parse_robots(text: str) -> Robots:
    """Read a robots.txt."""
    groups: list[Group] = []
    other: list[Line] = []
    agents: list[str] = []
    lines: list[Line] = []
    for raw in text.removeprefix("\ufeff").splitlines():
        name, colon, value = raw.partition("#")[0].partition(":")
        line = Line(name.strip().lower(), value.strip())
        if not colon:
            continue
        if line.name == "user-agent":
            if lines:
                groups.append(Group(tuple(agents), tuple(lines)))
                agents, lines = [], []
            agents.append(_agent(line.value))
        elif agents:
            lines.append(line)
        else:
            other.append(line)
    if agents:
        groups.append(Group(tuple(agents), tuple(lines)))
    return Robots(tuple(groups), tuple(other))


def _agent(value: str) -> str:
    """The product token of a ``User-agent`` line; a version or comment after it does not count."""
    if value.startswith("*"):
        return "*"
    found = _TOKEN.match(value)
    return found[0].lower() if found else value.lower()
