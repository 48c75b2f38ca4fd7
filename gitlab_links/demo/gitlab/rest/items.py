"""Issues and merge requests, in lists and alone, and the notes of an issue."""

from typing import Any

from flask import Blueprint, Response

from gitlab_links.demo.gitlab.current import state
from gitlab_links.demo.gitlab.item_entities import item_entity, pipeline_in_list
from gitlab_links.demo.gitlab.records import Item, MergeRequest, Note, Project
from gitlab_links.demo.gitlab.rest import errors
from gitlab_links.demo.gitlab.rest.access import caller, project_named, spelled
from gitlab_links.demo.gitlab.rest.filters import changed, filtered, flag, one_of, ordered
from gitlab_links.demo.gitlab.rest.paging import paged
from gitlab_links.demo.gitlab.timing import iso


def register(rest: Blueprint) -> None:
    """Add the routes to the API's blueprint."""
    for kind in ("issues", "merge_requests"):
        one = f"/projects/<key>/<any({kind}):kind>"
        rest.get(one, endpoint=f"list_{kind}")(list_items)
        rest.get(f"{one}/<int:iid>", endpoint=f"get_{kind}")(get_item)
        of_group = f"/groups/<key>/<any({kind}):kind>"
        rest.get(of_group, endpoint=f"list_{kind}_of_group")(list_items_of_group)
    rest.get("/projects/<key>/<any(issues):kind>/<int:iid>/notes")(list_notes)
    rest.get("/projects/<key>/pipelines")(list_pipelines)


def list_items(key: str, kind: str) -> Response:
    project = project_named(key)
    details = flag("with_labels_details")
    rechecks = flag("with_merge_status_recheck")

    def present(item: Item) -> dict[str, Any]:
        entity = item_entity(state().urls, item, label_objects=details, single=False)
        if rechecks:
            _check_later(item)
        return entity

    with state().lock:
        return paged(filtered(_readable(project, kind)), present)


def list_items_of_group(key: str, kind: str) -> Response:
    """Those of all projects in a group and its subgroups that the caller may read. Without
    ``scope=all``, a group's merge requests are those of the caller.
    """
    details, group = flag("with_labels_details"), spelled(key).lower()
    mine = kind == "merge_requests" and one_of("scope", "created_by_me", "all") != "all"
    archived_too = one_of("non_archived", "true", "false") == "false"

    def present(item: Item) -> dict[str, Any]:
        return item_entity(state().urls, item, label_objects=details, single=False)

    with state().lock:
        projects = [
            project
            for project in state().projects.all()
            if f"{project.namespace.lower()}/".startswith(f"{group}/")
            and project.readable_by(caller())
            and (archived_too or not project.archived)
        ]
        if not projects:
            raise errors.not_found("Group")
        items = [item for project in projects for item in _items_shown(project, kind)]
        return paged(
            filtered([item for item in items if not mine or item.author is caller()]), present
        )


def _items_shown(project: Project, kind: str) -> list[Item]:
    """A group's list leaves out the projects whose merge requests the caller may not read."""
    if kind == "merge_requests" and not project.merge_requests_readable_by(caller()):
        return []
    return _readable(project, kind)


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


def list_notes(key: str, kind: str, iid: int) -> Response:
    """Newest first, as GitLab has it."""
    with state().lock:
        item = _item(project_named(key), kind, iid)
        seen = [n for n in item.notes if n.about is None or n.about.readable_by(caller())]
        return paged(seen[::-1], _note_entity)


def list_pipelines(key: str) -> Response:
    """Those that changed in the requested time, the newest first if nothing else is requested."""
    project = project_named(key)
    if not project.pipelines_readable_by(caller()):
        raise errors.forbidden()
    by_time = one_of("order_by", "id", "updated_at") == "updated_at"
    with state().lock:
        found = ordered(
            changed(project.pipelines),
            lambda one: (one.updated_at, one.id) if by_time else (one.id,),
        )
        return paged(found, pipeline_in_list)


def _note_entity(note: Note) -> dict[str, Any]:
    author = {"id": note.author.id, "username": note.author.username, "name": note.author.name}
    return {
        "id": note.id,
        "body": note.text,
        "system": note.system,
        "author": author,
        "created_at": iso(note.created_at),
    }


def _present(item: Item) -> dict[str, Any]:
    """The single form, without the pipeline for who may not see pipelines."""
    entity = item_entity(state().urls, item, label_objects=False, single=True)
    if not item.project.pipelines_readable_by(caller()):
        for name in ("pipeline", "head_pipeline"):
            entity.pop(name, None)
    return entity


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
