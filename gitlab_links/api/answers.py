"""Answers that several views share."""

import json
from typing import Any

from flask import Response, url_for


def json_answer(content: Any, status: int = 200) -> Response:
    """JSON as given, without a schema."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status=status, content_type="application/json")


def location(endpoint: str, **ids: Any) -> dict[str, str]:
    """The ``Location`` header of something just created."""
    return {"Location": url_for(endpoint, **ids)}
