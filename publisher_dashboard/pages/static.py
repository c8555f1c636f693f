"""Static files, under names that hold their hash: a browser may keep them for ever."""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import Response

from publisher_dashboard.auth import NOT_HERE, Turned
from publisher_dashboard.visit import Visit


def show(visit: Visit) -> Response:
    """One file of ``static/``, by its hashed name."""
    file = visit.desk.rendering.static_files.get(str(visit.request.path_params["name"]))
    if file is None:
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE)
    headers = {"cache-control": "public, max-age=31536000, immutable"}
    return Response(file.content, media_type=file.media_type, headers=headers)
