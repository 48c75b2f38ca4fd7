"""Answers that several views share."""

from typing import Any

import orjson
from flask import Response, url_for


def json_answer(content: Any, status: int = 200) -> Response:
    """JSON as given, without a schema, which would take longer than the query.

    Frozen values become objects with their fields in order, times are in UTC.
    """
    body = orjson.dumps(content, option=orjson.OPT_UTC_Z)
    return Response(body, status=status, content_type="application/json")


def location(endpoint: str, **ids: Any) -> dict[str, str]:
    """The ``Location`` header of something just created."""
    return {"Location": url_for(endpoint, **ids)}
