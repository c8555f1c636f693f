"""A form with a file, read as it arrives: the fields first, then the file into a place without a name.

Rules of this file
- The fields come before the file, as our pages send them, and whoever sent them is let in by them before a byte of the
  file is taken: the session's token stands in the first field.
- The file goes to an anonymous temporary file: it is gone with the process, whatever happens.
- Everything is bounded: the fields as any form's, the file by ``limit``, and the body as a whole by little more. What
  is too large is read to its end where that is not far, because a browser shows an answer only to whom it could tell
  everything.

Source: RFC 7578, read by python-multipart.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FIELD_BYTES_MAX = 64 * 1024
PARTS_MAX = 200
DRAINED_TIMES = 2


class BadUpload(Exception):
    """A body that is no form of ours; the text says why, for the page that answers."""


@dataclass(slots=True)
class Upload:
    """A file that came whole, at its beginning. Whoever takes it closes it."""

    name: str
    file: BinaryIO
    size: int = 0


@dataclass(slots=True)
class UploadForm:
    """What has been read: the fields, and the file if one was chosen. ``too_large`` says that the file was dropped."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    upload: Upload | None = None
    too_large: bool = False

    def close(self) -> None:
        """Let go of the file."""
        if self.upload is not None:
            self.upload.file.close()


LetIn = Callable[[UploadForm], Awaitable[None]]


async def read_upload(content_type: str, chunks: AsyncIterator[bytes], limit: int, let_in: LetIn) -> UploadForm:
    """Read a form; ``let_in`` is asked when the fields are there and before the file, and may raise.

    Raises ``BadUpload``.
    """
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or b"boundary" not in options:
        raise BadUpload("This form cannot be read.")
    reader = _Reader(limit)
    try:
        parser = MultipartParser(options[b"boundary"], reader.callbacks())
        asked, before_file, came = False, 0, 0
        async for chunk in chunks:
            came += len(chunk)
            before_file += 0 if asked else len(chunk)
            parser.write(chunk)
            if before_file > 2 * FIELD_BYTES_MAX and not reader.file_begun:
                raise BadUpload("This form is too large.")
            if reader.file_begun and not asked:
                asked = True
                await let_in(reader.form)
            reader.keep_waiting()
            # The whole body counts, what comes between and after the parts too: nothing else bounds that.
            if came > limit + 2 * FIELD_BYTES_MAX:
                reader.form.too_large = True
            if came > DRAINED_TIMES * limit + 2 * FIELD_BYTES_MAX:
                break
        if not asked:
            await let_in(reader.form)
    except (FormParserError, UnicodeDecodeError) as why:
        reader.form.close()
        raise BadUpload("This form cannot be read.") from why
    except BaseException:
        reader.form.close()
        raise
    if reader.form.upload is not None:
        reader.form.upload.file.seek(0)
    return reader.form


class _Reader:
    """What the parser calls, part by part."""

    def __init__(self, limit: int) -> None:
        self.form = UploadForm()
        self._limit = limit
        self._fields_bytes = 0
        self._header = (b"", b"")
        self._name = ""
        self._value = b""
        self._in_file = False
        self._parts = 0
        self._waiting: list[bytes] = []

    @property
    def file_begun(self) -> bool:
        return self.form.upload is not None

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_part_data": self._data,
            "on_part_end": self._end,
        }

    def keep_waiting(self) -> None:
        """Write what came of the file; its sender has been let in by now."""
        upload = self.form.upload
        for part in self._waiting if upload is not None and not self.form.too_large else ():
            assert upload is not None
            upload.file.write(part)
        self._waiting.clear()

    def _begin(self) -> None:
        self._name, self._value, self._header, self._in_file = "", b"", (b"", b""), False
        self._parts += 1
        if self._parts > PARTS_MAX:
            raise BadUpload("This form has too many fields.")

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._header = (self._header[0] + data[start:end], self._header[1])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._header = (self._header[0], self._header[1] + data[start:end])

    def _header_end(self) -> None:
        name, value = self._header
        self._header = (b"", b"")
        if name.lower() != b"content-disposition":
            return
        _, options = parse_options_header(value)
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if b"filename" not in options:
            return
        if self.form.upload is not None:
            raise BadUpload("Send one file.")
        self._in_file = True
        shown = options[b"filename"].decode("utf-8", "replace")
        self.form.upload = Upload(shown, tempfile.TemporaryFile())  # noqa: SIM115 -- closed by whoever takes it

    def _data(self, data: bytes, start: int, end: int) -> None:
        part = data[start:end]
        if not self._in_file or self.form.upload is None:
            self._fields_bytes += len(part)
            if self._fields_bytes > FIELD_BYTES_MAX:
                raise BadUpload("This form is too large.")
            self._value += part
            return
        self.form.upload.size += len(part)
        if self.form.upload.size > self._limit:
            self.form.too_large = True
        self._waiting.append(part)

    def _end(self) -> None:
        if self.form.upload is None and self._name:
            self.form.fields.setdefault(self._name, []).append(self._value.decode("utf-8"))
