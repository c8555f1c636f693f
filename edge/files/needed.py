"""The libraries that only some files need: loaded when such a file is made, and asked for in one sentence when absent.

They are the packaging extra ``reports``; what sells pages runs without them.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from edge.core.errors import EdgeError

EXTRA = "farebox[reports]"


class LibraryMissing(EdgeError):
    """A file cannot be made because its library is not installed; the message says what to install."""


def library(name: str, purpose: str) -> ModuleType:
    """Import a module of the extra. Raises ``LibraryMissing``."""
    try:
        return import_module(name)
    except ImportError as why:
        raise LibraryMissing(f"{purpose} needs the library {name}; install it with: pip install '{EXTRA}'") from why
