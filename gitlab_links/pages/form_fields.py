"""The fields of a page's form. A browser sends every text field of a form, empty ones too."""

import re
from collections.abc import Callable
from typing import TypeVar

from flask import request

from gitlab_links.errors import Invalid

T = TypeVar("T")


def sent(*names: str) -> list[str]:
    """The value of each field, stripped.

    Raises Invalid that names the missing fields: a missing field must not count as one
    that somebody emptied.
    """
    missing = [name for name in names if name not in request.form]
    if missing:
        raise Invalid(
            f"The form has no {', '.join(missing)}. Nothing was changed. Reload the page and "
            "send the form again.",
            errors={name: ["This field is missing."] for name in missing},
        )
    return [request.form[name].strip() for name in names]


def pressed(name: str) -> bool:
    """Whether the button of that name was pressed, or the box ticked."""
    return name in request.form


def whole_number(text: str) -> int:
    """The number that plain digits stand for. Raises ValueError; ``int`` takes foreign ones."""
    if re.fullmatch("[0-9]{1,9}", text) is None:
        raise ValueError(text)
    return int(text)


def parsed(kind: Callable[[str], T], text: str) -> T | None:
    """The value that a text stands for; None if it stands for none."""
    try:
        return kind(text)
    except ValueError:
        return None
