"""Issues and merge requests: lists, single ones, and what a client may do to them."""

from typing import Any

from flask import Blueprint, Response, request

from gitlab_links.demo.gitlab.current import state
from gitlab_links.demo.gitlab.item_entities import item_entity
from gitlab_links.demo.gitlab.records import (
    DEVELOPER,
    MAINTAINER,
    REPORTER,
    Issue,
    Item,
    MergeRequest,
    Note,
    Project,
)
from gitlab_links.demo.gitlab.rest import errors
from gitlab_links.demo.gitlab.rest.access import caller, project_named, require_level
from gitlab_links.demo.gitlab.rest.changes import requested_changes
from gitlab_links.demo.gitlab.rest.filters import filtered, flag
from gitlab_links.demo.gitlab.rest.paging import paged
from gitlab_links.demo.gitlab.timing import iso

Answer = tuple[dict[str, Any], int]


def register(rest: Blueprint) -> None:
    """Add the routes to the API's blueprint."""
    for kind in ("issues", "merge_requests"):
        one = f"/projects/<key>/<any({kind}):kind>"
        rest.get(one, endpoint=f"list_{kind}")(list_items)
        rest.post(one, endpoint=f"add_{kind}")(add_item)
        rest.get(f"{one}/<int:iid>", endpoint=f"get_{kind}")(get_item)
        rest.put(f"{one}/<int:iid>", endpoint=f"change_{kind}")(change_item)
        rest.delete(f"{one}/<int:iid>", endpoint=f"delete_{kind}")(delete_item)
        rest.get(f"{one}/<int:iid>/notes", endpoint=f"notes_{kind}")(list_notes)
        rest.post(f"{one}/<int:iid>/notes", endpoint=f"comment_{kind}")(comment)
    rest.post("/projects/<key>/<any(issues):kind>/<int:iid>/move")(move)
    rest.put("/projects/<key>/<any(merge_requests):kind>/<int:iid>/merge")(merge)


def list_items(key: str, kind: str) -> Response:
    project = project_named(key)
    details = bool(flag("with_labels_details"))
    rechecks = bool(flag("with_merge_status_recheck"))

    def present(item: Item) -> dict[str, Any]:
        entity = item_entity(state().urls, item, label_objects=details, single=False)
        if rechecks:
            _check_later(item)
        return entity

    with state().lock:
        return paged(filtered(_readable(project, kind)), present)


def get_item(key: str, kind: str, iid: int) -> dict[str, Any]:
    with state().lock:
        item = _item(project_named(key), kind, iid)
        entity = _present(item)
        _check_later(item)
        return entity


def _check_later(item: Item) -> None:
    """GitLab works out the merge status after the answer: the next one has it."""
    if isinstance(item, MergeRequest):
        item.unchecked = False


def add_item(key: str, kind: str) -> Answer:
    project = project_named(key)
    require_level(project, REPORTER if kind == "issues" else DEVELOPER)
    fields, _ = requested_changes(kind)
    title = fields.pop("title", None)
    if not title:
        raise errors.bad_parameter("title", "is missing")
    items = state().items
    item: Item
    with _known_names():
        if kind == "issues":
            item = items.add_issue(project, title, author=caller(), **fields)
        else:
            branch = _body().get("source_branch")
            if not branch:
                raise errors.bad_parameter("source_branch", "is missing")
            item = items.add_merge_request(
                project, title, author=caller(), source_branch=branch, **fields
            )
    return _present(item), 201


def change_item(key: str, kind: str, iid: int) -> dict[str, Any]:
    """As GitLab: the state changes first, with an event of its own, then the rest."""
    project = project_named(key)
    with state().lock:
        item = _item(project, kind, iid)
        require_level(project, REPORTER if kind == "issues" else DEVELOPER)
        fields, event = requested_changes(kind)
        if event == "close":
            state().items.close(item, by=caller())
        elif event == "reopen":
            state().items.reopen(item, by=caller())
        with _known_names():
            state().items.edit(item, by=caller(), **fields)
        return _present(item)


def delete_item(key: str, kind: str, iid: int) -> tuple[str, int]:
    project = project_named(key)
    with state().lock:
        item = _item(project, kind, iid)
        require_level(project, MAINTAINER)
        state().items.delete(item)
    return "", 204


def list_notes(key: str, kind: str, iid: int) -> Response:
    """Newest first, as GitLab has it, unless ``sort=asc``."""
    with state().lock:
        item = _item(project_named(key), kind, iid)
        seen = [n for n in item.notes if n.about is None or n.about.readable_by(caller())]
        return paged(seen if request.args.get("sort") == "asc" else seen[::-1], _note_entity)


def _note_entity(note: Note) -> dict[str, Any]:
    author = {"id": note.author.id, "username": note.author.username, "name": note.author.name}
    return {
        "id": note.id,
        "body": note.text,
        "system": note.system,
        "author": author,
        "created_at": iso(note.created_at),
    }


def comment(key: str, kind: str, iid: int) -> Answer:
    item = _item(project_named(key), kind, iid)
    text = _body().get("body")
    if not text:
        raise errors.bad_parameter("body", "is missing")
    note = state().items.comment(item, text, by=caller())
    return {"id": note.id, "body": note.text, "noteable_id": item.id, "noteable_iid": iid}, 201


def move(key: str, kind: str, iid: int) -> Answer:
    project = project_named(key)
    issue = _item(project, kind, iid)
    require_level(project, REPORTER)
    target, _ = state().projects.find(str(_body().get("to_project_id", "")))
    if target is None or not isinstance(issue, Issue):
        raise errors.not_found("Project")
    return _present(state().items.move(issue, target, by=caller())), 201


def merge(key: str, kind: str, iid: int) -> dict[str, Any]:
    project = project_named(key)
    mr = _item(project, kind, iid)
    require_level(project, DEVELOPER)
    if not isinstance(mr, MergeRequest) or mr.detailed_merge_status != "mergeable":
        raise errors.ApiError(405, {"message": "405 Method Not Allowed"})
    state().items.merge(mr, by=caller())
    return _present(mr)


class _known_names:  # noqa: N801  # reads as a statement
    """Turns a user or milestone that does not exist into GitLab's 400."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, KeyError | ValueError | TypeError):
            raise errors.ApiError(400, {"message": "400 Bad request"}) from error


def _present(item: Item) -> dict[str, Any]:
    """The single form, without the pipeline for who may not see pipelines."""
    entity = item_entity(state().urls, item, label_objects=False, single=True)
    if not item.project.pipelines_readable_by(caller()):
        for name in ("pipeline", "head_pipeline"):
            entity.pop(name, None)
    return entity


def _body() -> Any:
    return request.get_json(silent=True) or request.form


def _readable(project: Project, kind: str) -> list[Item]:
    if kind == "issues":
        issues = project.issues.values()
        readable = [issue for issue in issues if project.issue_readable_by(issue, caller())]
        return [issue for issue in readable if issue.is_listed]
    _require_merge_requests(project)
    return list(project.merge_requests.values())


def _item(project: Project, kind: str, iid: int) -> Item:
    if kind == "issues":
        issue = project.issues.get(iid)
        # The single form has tickets; objectives, key results and epics are GraphQL's alone.
        seen = issue is not None and project.issue_readable_by(issue, caller())
        if issue is None or not seen or not (issue.is_listed or issue.type == "ticket"):
            raise errors.not_found()
        return issue
    _require_merge_requests(project)
    if iid not in project.merge_requests:
        raise errors.not_found()
    return project.merge_requests[iid]


def _require_merge_requests(project: Project) -> None:
    if not project.merge_requests_readable_by(caller()):
        raise errors.forbidden()
