"""The root of every exception that farebox raises on purpose.

An expected refusal is a value (``edge.core.refusals``), a programmer's error an assertion; exceptions are for
broken machinery and for input that a person or a file got wrong.
"""

from __future__ import annotations


class EdgeError(Exception):
    """Base of farebox's own exceptions; its text is one plain sentence that says what to do next."""
