"""The connection that every function of the store takes, by name: for those above the store, who know no database."""

from __future__ import annotations

from sqlalchemy import Connection

__all__ = ["Connection"]
