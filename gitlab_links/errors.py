"""Typed refusals: each knows its HTTP status and its stable code.

Domain code raises them; the doors render them (``problem+json`` or a page). Nobody
looks into a message to find out what happened.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TypeVar

T = TypeVar("T")
FieldErrors = Mapping[str, Sequence[str]]


class DomainError(Exception):
    """A refusal with a status, a snake_case ``code`` and a ``detail`` written for people.

    ``errors`` maps field names to messages where fields are at fault; ``retry_after`` is
    in whole seconds and becomes the header of that name. ``former_code`` is what the code
    was called in the release before; it is sent beside it for one more.
    """

    status: int = HTTPStatus.INTERNAL_SERVER_ERROR
    code: str = "internal_error"
    former_code: str | None = None

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        errors: FieldErrors | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.code
        self.errors: dict[str, list[str]] = {
            field: list(messages) for field, messages in (errors or {}).items()
        }
        self.retry_after = retry_after


class BadRequest(DomainError):
    """The request cannot be read at all (400)."""

    status = HTTPStatus.BAD_REQUEST
    code = "bad_request"


class InvalidJson(BadRequest):
    """A body that is not JSON in UTF-8."""

    code = "invalid_json"


class JsonTooDeep(BadRequest):
    """A body nested deeper than any honest client nests."""

    code = "json_too_deep"


class Unauthorized(DomainError):
    """No or bad credentials (401): one answer for all causes."""

    status = HTTPStatus.UNAUTHORIZED
    code = "unauthorized"

    def __init__(self) -> None:
        super().__init__("Log in, or send a valid API key as 'Authorization: Bearer <key>'.")


class Forbidden(DomainError):
    """A known caller who may not do this (403)."""

    status = HTTPStatus.FORBIDDEN
    code = "forbidden"


class NotFound(DomainError):
    """Unknown, or not for this caller to know of (404): the two look the same."""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"

    def __init__(self, detail: str = "There is nothing here, or you may not see it.") -> None:
        super().__init__(detail)


def required(thing: T | None) -> T:
    """The thing itself; raises :class:`NotFound` where there is none."""
    if thing is None:
        raise NotFound
    return thing


class BodyTooLarge(DomainError):
    """A body over the limit of its route (413)."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "body_too_large"


class UnsupportedMediaType(DomainError):
    """A body that does not say it is JSON (415)."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "unsupported_media_type"


class Conflict(DomainError):
    """At odds with what is stored (409); ``code`` says how."""

    status = HTTPStatus.CONFLICT
    code = "conflict"


class PreconditionFailed(DomainError):
    """Changed meanwhile: If-Match names a former state (412). ``etag`` is the present one's."""

    status = HTTPStatus.PRECONDITION_FAILED
    code = "precondition_failed"

    def __init__(self, detail: str, *, etag: str | None = None) -> None:
        super().__init__(detail)
        self.etag = etag


class Invalid(DomainError):
    """Well-formed and refused (422); ``errors`` names the fields."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "validation_error"


class RateLimited(DomainError):
    """Too many requests (429); ``retry_after`` is always set."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "rate_limited"
