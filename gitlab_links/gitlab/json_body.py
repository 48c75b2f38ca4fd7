"""Read untrusted JSON safely: bodies of requests and of GitLab's answers."""

import json
import math
import re
from typing import Any

from gitlab_links.errors import BodyTooLarge, InvalidJson, JsonTooDeep

MAX_DEPTH = 64
# A value takes up to 250 bytes of memory, even if it is a few bytes of the body: 25 MB of
# "[],[],..." would take 700 MB. Webhooks and pages of 100 items are far below this limit.
MAX_VALUES = 1_000_000
# No real number is longer. int() is quadratic and raises ValueError from 4,300 digits on.
MAX_DIGITS = 100

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_OPENS_DEEP = re.compile(rb'\s*+(?:[\[{]\s*+(?:"[^"\\]{0,99}"\s*+:\s*+)?){%d}' % (MAX_DEPTH + 1))
_UNSTORABLE_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def _finite_float(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _refuse_constant(name: str) -> Any:
    raise InvalidJson(f"The body is not JSON: {name} is not a JSON number.")


_STORABLE = json.JSONDecoder(
    parse_float=_finite_float,
    parse_int=lambda text: int(text) if len(text) <= MAX_DIGITS else None,
    parse_constant=_refuse_constant,
)
_STRICT = json.JSONDecoder(
    parse_float=float,
    parse_int=lambda text: int(text) if len(text) <= MAX_DIGITS else math.inf,
    parse_constant=_refuse_constant,
)


def parse_json(body: bytes, *, infinite: bool = False) -> Any:
    """The value of a UTF-8 JSON body, with or without a byte order mark.

    Every database can store the result: NUL and lone surrogates are replaced with U+FFFD,
    and numbers that are too large (``1e400``, 5,000 digits) become ``None``. With
    ``infinite`` they become infinity, which a schema refuses; ``None`` would be read as
    a valid ``null`` there.

    Raises InvalidJson if the body is not JSON in UTF-8 (NaN and Infinity are not JSON),
    JsonTooDeep for more than MAX_DEPTH nested levels, and BodyTooLarge for more than
    MAX_VALUES values. It raises nothing else.
    """
    containers = body.count(b"{") + body.count(b"[")
    if containers + body.count(b",") > MAX_VALUES:
        if _OPENS_DEEP.match(body) is not None:
            raise _too_deep()
        raise BodyTooLarge(f"The body holds more than {MAX_VALUES:,} values.")
    value = _decode(body, _STRICT if infinite else _STORABLE)
    if containers > MAX_DEPTH and _is_too_deep(value):
        raise _too_deep()
    if _UNSTORABLE_ESCAPE.search(body) is not None:
        return _storable(value)
    return value


def _decode(body: bytes, decoder: json.JSONDecoder) -> Any:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidJson(f"The body is not UTF-8: byte {error.start} is wrong.") from None
    try:
        return decoder.decode(text)
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as error:
        raise InvalidJson(f"The body is not JSON: {error}.") from None


def _too_deep() -> JsonTooDeep:
    return JsonTooDeep(f"The body nests deeper than {MAX_DEPTH} levels.")


def _is_too_deep(value: Any) -> bool:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        level = [
            child
            for container in level
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return _UNSTORABLE.sub(REPLACEMENT, value)
    if isinstance(value, dict):
        return {_UNSTORABLE.sub(REPLACEMENT, key): _storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    return value
