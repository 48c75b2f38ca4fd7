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

    def __init_subclass__(
        cls, *, status: int | None = None, code: str | None = None, former_code: str | None = None
    ) -> None:
        cls.status, cls.code = status or cls.status, code or cls.code
        cls.former_code = former_code or cls.former_code

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


class BadRequest(DomainError, status=HTTPStatus.BAD_REQUEST, code="bad_request"):
    """The request cannot be read at all (400)."""


class InvalidJson(BadRequest, code="invalid_json"):
    """A body that is not JSON in UTF-8."""


class JsonTooDeep(BadRequest, code="json_too_deep"):
    """A body nested deeper than any honest client nests."""


class Unauthorized(DomainError, status=HTTPStatus.UNAUTHORIZED, code="unauthorized"):
    """No or bad credentials (401): one answer for all causes."""

    def __init__(self) -> None:
        super().__init__("Log in, or send a valid API key as 'Authorization: Bearer <key>'.")


class Forbidden(DomainError, status=HTTPStatus.FORBIDDEN, code="forbidden"):
    """A known caller who may not do this (403)."""


class NotFound(DomainError, status=HTTPStatus.NOT_FOUND, code="not_found"):
    """Unknown, or not for this caller to know of (404): the two look the same."""

    def __init__(self, detail: str = "There is nothing here, or you may not see it.") -> None:
        super().__init__(detail)


def required(thing: T | None) -> T:
    """The thing itself; raises :class:`NotFound` where there is none."""
    if thing is None:
        raise NotFound
    return thing


class BodyTooLarge(DomainError, status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code="body_too_large"):
    """A body over the limit of its route (413)."""


class UnsupportedMediaType(
    DomainError, status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE, code="unsupported_media_type"
):
    """A body that does not say it is JSON (415)."""


class Conflict(DomainError, status=HTTPStatus.CONFLICT, code="conflict"):
    """At odds with what is stored (409); ``code`` says how."""


class PreconditionFailed(
    DomainError, status=HTTPStatus.PRECONDITION_FAILED, code="precondition_failed"
):
    """Changed meanwhile: If-Match names a former state (412). ``etag`` is the present one's."""

    def __init__(self, detail: str, *, etag: str | None = None) -> None:
        super().__init__(detail)
        self.etag = etag


class Invalid(DomainError, status=HTTPStatus.UNPROCESSABLE_ENTITY, code="validation_error"):
    """Well-formed and refused (422); ``errors`` names the fields."""


class RateLimited(DomainError, status=HTTPStatus.TOO_MANY_REQUESTS, code="rate_limited"):
    """Too many requests (429); ``retry_after`` is always set."""
