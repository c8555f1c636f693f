"""Write CSV while it is read, so that its length does not matter."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from starlette.responses import Response, StreamingResponse

_ROWS_PER_CHUNK = 500


def csv_answer(name: str, columns: Sequence[str], rows: Iterable[Sequence[str | int]]) -> Response:
    """A file to download (RFC 4180). Cells that others wrote must be safe for spreadsheets already (``safe_cell``)."""
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_csv(columns, rows), media_type="text/csv; charset=utf-8", headers=headers)


def _csv(columns: Sequence[str], rows: Iterable[Sequence[str | int]]) -> Iterator[str]:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    for number, row in enumerate(rows, 1):
        writer.writerow(row)
        if number % _ROWS_PER_CHUNK == 0:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()
