"""The fields of a page's form. A browser sends every text field of a form, empty ones too."""

from flask import request

from gitlab_links.errors import Invalid


def sent(*names: str) -> list[str]:
    """What was typed into each of the fields, without blanks around it.

    Raises Invalid that names those which did not come: a field that is missing must
    never mean one that somebody has emptied.
    """
    missing = [name for name in names if name not in request.form]
    if missing:
        raise Invalid(
            f"The form came without {', '.join(missing)}. Nothing was changed: load the page "
            "again and send its form once more.",
            errors={name: ["This field is missing."] for name in missing},
        )
    return [request.form[name].strip() for name in names]


def pressed(name: str) -> bool:
    """Whether the button or tick box of that name was sent, which only a set one is."""
    return name in request.form
