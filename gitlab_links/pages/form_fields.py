"""The fields of a page's form. A browser sends every text field of a form, empty ones too."""

from flask import request

from gitlab_links.errors import Invalid


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
