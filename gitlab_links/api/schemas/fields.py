"""Field types whose description in the contract is exact."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from marshmallow import ValidationError, fields, validate

from gitlab_links.api.cursors import Cursors, InvalidCursor
from gitlab_links.gitlab.usernames import username_of
from gitlab_links.paging import Position
from gitlab_links.sought_texts import CHARACTERS, MAX_LENGTH

# Without control characters and U+FFFD, the replacement character.
LINE = r"^[^\x00-\x1f\x7f-\x9f\ufffd]*$"
TEXT = CHARACTERS
_NO_CONTROLS = "Use no control characters."
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,100}")


class Matches(validate.Regexp):
    """Matches the whole text: with Python's ``match``, ``$`` allows a line break at the end."""

    def __call__(self, value: Any) -> Any:
        """The value, or ValidationError."""
        if self.regex.fullmatch(value) is None or value.endswith("\n") > self._takes_lines:
            raise ValidationError(self.error or "Invalid format.")
        return value

    @property
    def _takes_lines(self) -> bool:
        return self.regex.pattern == TEXT


def text(
    least: int, most: int, pattern: str = LINE, message: str = "", **options: Any
) -> fields.String:
    """A string of bounded length without control characters."""
    checks = [validate.Length(least, most), Matches(pattern, error=message or _NO_CONTROLS)]
    return fields.String(validate=checks, **options)


class Sought(fields.String):
    """A text to filter by, without the spaces around it."""

    def deserialize(self, *args: Any, **kwargs: Any) -> Any:
        """What is checked is the text as it was given."""
        found = super().deserialize(*args, **kwargs)
        return None if found is None else found.strip()


def sought(kind: type[Sought] = Sought, **options: Any) -> Sought:
    """A text to filter by, such as pages take: see ``sought_texts``."""
    checks = [validate.Length(0, MAX_LENGTH), Matches(CHARACTERS, error=_NO_CONTROLS)]
    return kind(validate=checks, load_default=None, **options)


class SoughtPerson(Sought):
    """A GitLab username to filter by, in upper or lower case, also with the @ before it."""

    def deserialize(self, *args: Any, **kwargs: Any) -> Any:
        """An @ alone names nobody."""
        found = super().deserialize(*args, **kwargs)
        if found is None:
            return None
        username = username_of(found)
        if not username:
            raise ValidationError("Enter a GitLab username.")
        return username


def sought_person(description: str) -> Sought:
    """A GitLab username to filter by."""
    text = f"{description} In upper or lower case, with or without the `@`."
    metadata = {"description": text, "example": "sam"}
    return sought(SoughtPerson, metadata=metadata)


class Choice(fields.Enum[Any]):
    """One of the values of an enum. Rows contain plain strings, which are sent unchanged."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else str(value)


def choice(values: type[StrEnum], **options: Any) -> Choice:
    """One of the values of an enum."""
    return Choice(values, by_value=fields.String, **options)


class WholeNumber(fields.Integer):
    """An integer in plain digits: no ``1e3``, ``1_0``, ``+1`` or foreign digits; no booleans."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        plain = isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value)
        whole = isinstance(value, int | float) and not isinstance(value, bool)
        if not plain and not (whole and value % 1 == 0):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class Time(fields.Field[datetime]):
    """A time in answers: ISO 8601 in UTC with ``Z``."""

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> str | None:
        return time_text(value)


class Moment(fields.AwareDateTime):
    """A time in requests, in UTC; without a zone it is meant so. In UTC it may be in no year that
    there is.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(default_timezone=UTC, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        moment: datetime = super()._deserialize(value, attr, data, **kwargs)
        try:
            return moment.astimezone(UTC)
        except OverflowError:
            raise self.make_error("invalid", input=value, obj_type="datetime") from None


def time_text(value: datetime | None) -> str | None:
    """A time as the API writes it."""
    return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")


class Cursor(fields.Field[tuple[str, Position]]):
    """A ``next_cursor`` of an earlier answer, parsed into order and position."""

    def __init__(self, cursors: Cursors) -> None:
        super().__init__(
            load_default=None,
            metadata={
                "description": "`next_cursor` of the page before; leave it out for the first "
                "page. Its format may change: do not build one yourself.",
                "pattern": cursors.pattern,
                "maxLength": 3000,
            },
        )
        self.cursors = cursors

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> tuple[str, Position]:
        try:
            return self.cursors.decode(value if isinstance(value, str) else "")
        except InvalidCursor:
            raise ValidationError("This is not a cursor of this list.") from None


def limit() -> WholeNumber:
    """How many rows a page has."""
    return WholeNumber(
        load_default=50,
        validate=validate.Range(1, 200),
        metadata={"description": "The maximum number of rows to return."},
    )
