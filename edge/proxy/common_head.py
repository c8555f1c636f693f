"""The header lines that every answer carries, rendered when the server renews them and not for each answer."""

from __future__ import annotations

from edge.proxy.forwarding import Header


class CommonHead:
    """The server's own header lines, as bytes, and the end of the connection where it ends."""

    __slots__ = ("_fields", "_lines")

    def __init__(self) -> None:
        self._fields: list[Header] = []
        self._lines = b""

    def of(self, fields: list[Header], *, keep_alive: bool) -> bytes:
        """The lines of these fields; a list that was given before has not changed."""
        if fields is not self._fields:
            self._fields = fields
            self._lines = b"".join([b"%b: %b\r\n" % pair for pair in fields])
        return self._lines if keep_alive else self._lines + b"connection: close\r\n"
