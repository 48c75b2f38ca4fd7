"""What is wrong with a new password as it was typed, twice."""

from collections.abc import Mapping

from gitlab_links.pages.form_fields import sent


def typed_password_errors(form: Mapping[str, str]) -> dict[str, list[str]]:
    """The errors by field; empty if both fields hold the same text."""
    sent("password", "again")
    if not form["password"]:
        return {"password": ["Enter the new password."]}
    if not form["again"]:
        return {"again": ["Enter the new password again."]}
    if form["again"] != form["password"]:
        return {"again": ["The two passwords differ."]}
    return {}
