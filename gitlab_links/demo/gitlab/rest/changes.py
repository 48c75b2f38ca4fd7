"""What the body of a PUT or POST asks to set, in the names of the state's own operations."""

from typing import Any

from flask import request

from gitlab_links.demo.gitlab.current import state
from gitlab_links.demo.gitlab.rest import errors

PLAIN = ("title", "description", "discussion_locked")
PLAIN_OF = {
    "issues": {"due_date": "due_date", "confidential": "confidential", "issue_type": "type"},
    "merge_requests": {"target_branch": "target_branch"},
}
LABEL_LISTS = ("labels", "add_labels", "remove_labels")
STATE_EVENTS = ("close", "reopen")


def requested_changes(kind: str) -> tuple[dict[str, Any], str | None]:
    """Fields to edit and the state event, from a JSON or form body."""
    body = _body()
    fields: dict[str, Any] = {name: body[name] for name in PLAIN if name in body}
    fields |= {own: body[name] or None for name, own in PLAIN_OF[kind].items() if name in body}
    if "confidential" in fields:
        fields["confidential"] = str(fields["confidential"]).lower() in ("true", "1")
    fields |= {name: _names(body[name]) for name in LABEL_LISTS if name in body}
    fields |= _people(body)
    if "milestone_id" in body:
        fields["milestone"] = _number("milestone_id", body["milestone_id"]) or None
    event = body.get("state_event")
    if event is not None and event not in STATE_EVENTS:
        raise errors.bad_parameter("state_event", "does not have a valid value")
    return fields, event


def _body() -> dict[str, Any]:
    body = request.get_json(silent=True)
    if isinstance(body, dict):
        return body
    lists = request.form.lists()
    return {
        name.removesuffix("[]"): values if name.endswith("[]") else values[-1]
        for name, values in lists
    }


def _names(value: Any) -> list[str]:
    names = value if isinstance(value, list) else str(value).split(",")
    return [name.strip() for name in names if name.strip()]


def _people(body: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for own in ("assignee", "reviewer"):
        ids = body.get(f"{own}_ids", [body[f"{own}_id"]] if f"{own}_id" in body else None)
        if ids is not None:
            listed = ids if isinstance(ids, list) else [ids]
            wanted = [_number(f"{own}_ids", value) for value in listed]
            try:
                fields[f"{own}s"] = state().people.by_ids(number for number in wanted if number)
            except KeyError:
                fields[f"{own}s"] = []
    return fields


def _number(name: str, value: Any) -> int:
    text = str(value or 0)
    if not (text.isascii() and text.isdecimal()):
        raise errors.bad_parameter(name)
    return int(text)
