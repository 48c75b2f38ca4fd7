"""ETags on what programs and pages poll: an unchanged answer costs a 304 and no body."""

from flask import Flask, Response, request


def register(app: Flask) -> None:
    """Give every JSON answer of the API's reads a validator and honour If-None-Match."""
    app.after_request(_validate)


def _validate(response: Response) -> Response:
    if (
        request.method in {"GET", "HEAD"}
        and response.status_code == 200
        and request.path.startswith("/api/")
        and not response.is_streamed
    ):
        response.add_etag()
        response.make_conditional(request)
    return response
