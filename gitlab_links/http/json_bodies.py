"""Parsing request bodies and query strings by schema, strictly, for every route."""

from collections.abc import Iterable
from typing import Any, NoReturn

import marshmallow as ma
from flask import Request
from webargs.flaskparser import FlaskParser
from webargs.multidictproxy import MultiDictProxy
from werkzeug.datastructures import MultiDict

from gitlab_links.errors import BodyTooLarge, FieldErrors, Invalid, UnsupportedMediaType
from gitlab_links.gitlab.json_body import parse_json
from gitlab_links.sought_texts import is_blank

WHOLE = "body"
# A place in a list is never blank: a program would read the first page again and again.
PLACES = frozenset({"cursor", "after", "page"})


def require_json(request: Request) -> None:
    """Raise :class:`UnsupportedMediaType` unless the body says it is JSON."""
    if not request.is_json:
        raise UnsupportedMediaType("Send the body as 'Content-Type: application/json'.")


def read_body(request: Request) -> bytes:
    """The raw body; raises :class:`BodyTooLarge`, also without a Content-Length."""
    body = request.get_data(cache=False)
    limit = (request.max_content_length or 1) - 1
    if len(body) > limit:
        raise body_too_large(limit)
    return body


def body_too_large(limit: int) -> BodyTooLarge:
    """The error for a body over the limit in bytes."""
    return BodyTooLarge(f"The body may have at most {limit:,} bytes.")


class StrictParser(FlaskParser):
    """Parses by schema; raises :class:`Invalid` with the names of invalid fields."""

    DEFAULT_UNKNOWN_BY_LOCATION = {"json": ma.RAISE, "query": ma.RAISE}

    def load_json(self, req: Request, schema: ma.Schema) -> Any:
        """The JSON object of the body."""
        require_json(req)
        value = parse_json(read_body(req), infinite=True)
        if not isinstance(value, dict):
            raise Invalid(
                "The body must be a JSON object.", errors={WHOLE: ["Must be a JSON object."]}
            )
        return value

    def load_querystring(self, req: Request, schema: ma.Schema) -> Any:
        """The query string; only a list parameter may be repeated, and a blank one is as if not
        given.
        """
        given = _without_blanks(req.args, schema)
        proxy = MultiDictProxy(given, schema)
        repeated = [
            name
            for name, values in given.lists()
            if len(values) > 1 and name not in proxy.multiple_keys
        ]
        if repeated:
            raise _invalid({name: ["Give it once."] for name in repeated})
        return proxy

    def handle_error(
        self,
        error: ma.ValidationError,
        req: Request,
        schema: ma.Schema,
        *,
        error_status_code: int | None,
        error_headers: Any,
    ) -> NoReturn:
        """Raise :class:`Invalid` with the messages by field."""
        by_location = error.messages if isinstance(error.messages, dict) else {}
        found: dict[str, list[str]] = {}
        for messages in by_location.values():
            found.update(_flattened("", messages))
        raise _invalid(found)


def refuse_query(request: Request) -> None:
    """Raise :class:`Invalid` for any query parameter, for routes without parameters."""
    if request.args:
        raise _invalid({name: ["Unknown parameter."] for name in request.args})


def refuse_body(request: Request) -> None:
    """Raise an error for any field in the body, for routes that take none. What some clients send
    with every request, an empty object, is as no body.
    """
    if request.get_data(cache=True):
        _parser.parse(ma.Schema(), request, location="json")


def _without_blanks(given: MultiDict[str, str], schema: ma.Schema) -> MultiDict[str, str]:
    names = {field.data_key or name for name, field in schema.fields.items()} - PLACES
    return MultiDict(
        (name, value)
        for name, value in given.items(multi=True)
        if name not in names or not is_blank(value)
    )


def _invalid(errors: FieldErrors) -> Invalid:
    return Invalid(f"Invalid fields: {', '.join(sorted(errors))}.", errors=errors)


def _flattened(prefix: str, messages: Any) -> Iterable[tuple[str, list[str]]]:
    if isinstance(messages, dict):
        for key, inner in messages.items():
            name = prefix if key == "_schema" else f"{prefix}.{key}" if prefix else str(key)
            yield from _flattened(name, inner)
    else:
        yield (_printable(prefix) or WHOLE), [str(message) for message in messages]


def _printable(name: str) -> str:
    """A field name from a request, shortened and escaped, so that it can be logged."""
    return name.encode("unicode_escape").decode("ascii")[:100]


_parser = StrictParser()
