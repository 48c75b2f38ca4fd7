"""Typed errors, each with its HTTP status and stable code.

Domain code raises them, and the API and pages render them (``problem+json`` or a page). Code
distinguishes errors by type and code, never by message.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TypeVar

T = TypeVar("T")
FieldErrors = Mapping[str, Sequence[str]]


class DomainError(Exception):
    """An error with a status, a snake_case ``code`` and a ``detail`` written for people.

    ``errors`` maps invalid fields to messages. ``retry_after`` is in whole seconds and is sent
    as the header ``Retry-After``. ``former_code`` is the code's name in the previous release;
    it is sent as well for one release.
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

    @property
    def members(self) -> Mapping[str, str]:
        """Further members of the problem document, by name."""
        return {}


class BadRequest(DomainError, status=HTTPStatus.BAD_REQUEST, code="bad_request"):
    """The request cannot be read at all (400)."""


class InvalidJson(BadRequest, code="invalid_json"):
    """A body that is not JSON in UTF-8."""


class JsonTooDeep(BadRequest, code="json_too_deep"):
    """A body with too many nested levels."""


class Unauthorized(DomainError, status=HTTPStatus.UNAUTHORIZED, code="unauthorized"):
    """No or bad credentials (401): one answer for all causes at an address."""

    def __init__(
        self, detail: str = "Log in, or send a valid API key as 'Authorization: Bearer <key>'."
    ) -> None:
        super().__init__(detail)


class Forbidden(DomainError, status=HTTPStatus.FORBIDDEN, code="forbidden"):
    """A known caller who may not do this (403)."""


class NotFound(DomainError, status=HTTPStatus.NOT_FOUND, code="not_found"):
    """Unknown, or not visible to this caller (404): both give the same answer."""

    def __init__(self, detail: str = "This does not exist, or you may not see it.") -> None:
        super().__init__(detail)


def required(thing: T | None) -> T:
    """The thing; raises :class:`NotFound` if it is None."""
    if thing is None:
        raise NotFound
    return thing


class BodyTooLarge(DomainError, status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code="body_too_large"):
    """A body over the limit of its route (413)."""


class UnsupportedMediaType(
    DomainError, status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE, code="unsupported_media_type"
):
    """A body whose media type is not JSON (415)."""


class Conflict(DomainError, status=HTTPStatus.CONFLICT, code="conflict"):
    """The request conflicts with stored data (409); ``code`` gives the reason."""


class PreconditionFailed(
    DomainError, status=HTTPStatus.PRECONDITION_FAILED, code="precondition_failed"
):
    """The resource has changed: If-Match has an old ETag (412). ``etag`` is the current one, as
    the header has it.
    """

    def __init__(self, detail: str, *, etag: str | None = None) -> None:
        super().__init__(detail)
        self.etag = etag


class Invalid(DomainError, status=HTTPStatus.UNPROCESSABLE_ENTITY, code="validation_error"):
    """Well-formed but invalid (422); ``errors`` has the fields."""


class RateLimited(DomainError, status=HTTPStatus.TOO_MANY_REQUESTS, code="rate_limited"):
    """Too many requests (429); ``retry_after`` is always set."""
