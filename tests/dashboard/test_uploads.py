"""A form with a file is bounded as a whole, whatever its parts say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from publisher_dashboard.uploads import FIELD_BYTES_MAX, UploadForm, read_upload

LIMIT = 100_000


def test_what_follows_the_last_boundary_counts_towards_the_limit() -> None:
    whole = (
        b'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\nx\r\n'
        b'--b\r\nContent-Disposition: form-data; name="log"; filename="a.log"\r\n\r\nline\n\r\n--b--\r\n'
    )
    read = 0

    async def trailing(length: int) -> AsyncIterator[bytes]:
        nonlocal read
        yield whole
        for read in range(0, length, 1_000):  # noqa: B007 -- the reader stops us
            yield b"x" * 1_000

    async def anybody(form: UploadForm) -> None:
        pass

    async def send_all(length: int) -> bool:
        form = await read_upload("multipart/form-data; boundary=b", trailing(length), LIMIT, anybody)
        form.close()
        return form.too_large

    assert asyncio.run(send_all(1_000)) is False
    assert asyncio.run(send_all(10**9)) is True
    assert read <= 2 * LIMIT + 3 * FIELD_BYTES_MAX
