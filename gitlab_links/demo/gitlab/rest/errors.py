"""Refusals in the words of GitLab's API."""

from typing import Any

from flask import Response, jsonify

OAUTH_REASONS = {
    "expired": "Token is expired. You can either do re-authorization or token refresh.",
    "revoked": "Token was revoked. You have to re-authorize from the user.",
}


class ApiError(Exception):
    """Ends the request with this status and JSON body."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


class Moved(Exception):
    """Ends the request with a 301 to ``location``."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location


def render(error: ApiError) -> Response:
    response = jsonify(error.body)
    response.status_code = error.status
    return response


def render_graphql(error: ApiError) -> Response:
    """GraphQL does not say why it lets nobody in."""
    body = {"errors": [{"message": "Invalid token"}]} if error.status == 401 else error.body
    return render(ApiError(error.status, body))


def render_moved(error: Moved) -> Response:
    text = f"This resource has been moved permanently to {error.location}"
    response = Response(text, status=301, mimetype="text/plain")
    response.headers["Location"] = error.location
    return response


def unauthorized() -> ApiError:
    return ApiError(401, {"message": "401 Unauthorized"})


def invalid_token(reason: str) -> ApiError:
    return ApiError(401, {"error": "invalid_token", "error_description": OAUTH_REASONS[reason]})


def insufficient_scope(allowed: list[str]) -> ApiError:
    description = "The request requires higher privileges than provided by the access token."
    return ApiError(
        403,
        {
            "error": "insufficient_scope",
            "error_description": description,
            "scope": " ".join(allowed),
        },
    )


def insufficient_permissions(boundary: str, permissions: list[str]) -> ApiError:
    return ApiError(
        403,
        {
            "error": "insufficient_granular_scope",
            "error_description": "Access denied: This operation requires a fine-grained personal "
            f"access token with the following {boundary} permissions: [{', '.join(permissions)}].",
        },
    )


def forbidden(reason: str = "") -> ApiError:
    return ApiError(403, {"message": f"403 Forbidden - {reason}" if reason else "403 Forbidden"})


def not_found(what: str = "") -> ApiError:
    return ApiError(404, {"message": f"404 {what} Not Found" if what else "404 Not found"})


def moved_non_get() -> ApiError:
    return ApiError(405, {"message": "Non GET methods are not allowed for moved projects"})


def bad_request(reason: str) -> ApiError:
    return ApiError(400, {"message": f"400 Bad request - {reason}"})


def bad_parameter(name: str, problem: str = "is invalid") -> ApiError:
    return ApiError(400, {"error": f"{name} {problem}"})


def offset_too_large(largest: int) -> ApiError:
    return ApiError(
        405,
        {
            "error": f"Offset pagination has a maximum allowed offset of {largest} for requests "
            "that return objects of this type. Remaining records can be retrieved using keyset "
            "pagination."
        },
    )
