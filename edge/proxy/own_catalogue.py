"""The operator's file of own entries, read where a program is put together."""

from __future__ import annotations

from pathlib import Path

from edge.core.own_catalogue import InvalidCatalogue, OwnCatalogue, read_own_catalogue


def load_own_catalogue(path: Path | None) -> OwnCatalogue:
    """The own entries of ``FAREBOX_CATALOGUE_FILE``, none without it; raises ``InvalidCatalogue`` naming the file."""
    if path is None:
        return OwnCatalogue()
    try:
        return read_own_catalogue(path.read_text(encoding="utf-8"))
    except OSError as why:
        raise InvalidCatalogue(f"the catalogue file {path} cannot be read ({why.strerror}); check its path") from why
    except UnicodeDecodeError as why:
        raise InvalidCatalogue(f"the catalogue file {path} is not UTF-8") from why
    except InvalidCatalogue as why:
        raise InvalidCatalogue(f"the catalogue file {path} cannot be used: {why}") from why
