"""Control operations on issues and merge requests."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from gitlab_links.demo.gitlab.records import Issue, Item, MergeRequest
from gitlab_links.demo.gitlab.state import GitLabState

Json = dict[str, Any]
Operation = Callable[[GitLabState, Json], Json]


def add_issue(state: GitLabState, given: Json) -> Json:
    """project, title, author; any field of edit; notify."""
    return _told(state, state.items.add_issue(**given))


def add_merge_request(state: GitLabState, given: Json) -> Json:
    """project, title, author, source_branch; any field of edit; notify."""
    return _told(state, state.items.add_merge_request(**given))


def edit(state: GitLabState, given: Json) -> Json:
    """project, type, iid; by, at, notify; title, description, labels, add_labels,
    remove_labels, assignees, reviewers, milestone, due_date, confidential, draft, ..."""
    item = _item(state, given)
    if "at" in given:
        given["at"] = datetime.fromisoformat(given["at"])
    changed = state.items.edit(item, **given)
    return _told(state, item) | {"changed": changed}


def change_state(state: GitLabState, given: Json) -> Json:
    """project, type, iid, action (close, reopen, merge); by."""
    item = _item(state, given)
    action, by = given["action"], given.get("by")
    if action == "close":
        state.items.close(item, by=by)
    elif action == "reopen":
        state.items.reopen(item, by=by)
    elif action == "merge":
        state.items.merge(_merge_request(item), by=by)
    else:
        raise ValueError("action is close, reopen or merge")
    return _told(state, item)


def comment(state: GitLabState, given: Json) -> Json:
    """project, type, iid, text; by."""
    item = _item(state, given)
    state.items.comment(item, given["text"], by=given.get("by"))
    return _told(state, item)


def push(state: GitLabState, given: Json) -> Json:
    """project, iid of a merge request; by."""
    mr = _merge_request(_item(state, given | {"type": "merge_request"}))
    state.items.push(mr, by=given.get("by"))
    return _told(state, mr)


def approve(state: GitLabState, given: Json) -> Json:
    """project, iid of a merge request; by."""
    mr = _merge_request(_item(state, given | {"type": "merge_request"}))
    state.items.approve(mr, by=given.get("by"))
    return _told(state, mr)


def pipeline(state: GitLabState, given: Json) -> Json:
    """project, iid of a merge request, status; new makes another pipeline."""
    mr = _merge_request(_item(state, given | {"type": "merge_request"}))
    if given.get("new") or mr.head_pipeline is None:
        state.pipelines.run(mr, given["status"])
    else:
        state.pipelines.set_status(mr, given["status"])
    return _told(state, mr)


def move(state: GitLabState, given: Json) -> Json:
    """project, iid of an issue, to (another project); by."""
    issue = _item(state, given | {"type": "issue"})
    if not isinstance(issue, Issue):
        raise TypeError("only issues move")
    return _told(state, state.items.move(issue, given["to"], by=given.get("by")))


def delete(state: GitLabState, given: Json) -> Json:
    """project, type, iid. GitLab tells nobody."""
    item = _item(state, given)
    state.items.delete(item)
    return {"deleted": state.urls.item(item)}


ITEM_OPERATIONS: dict[str, Operation] = {
    f.__name__: f
    for f in (
        add_issue, add_merge_request, edit, change_state, comment, push, approve, pipeline,
        move, delete,
    )
}  # fmt: skip


def _item(state: GitLabState, given: Json) -> Item:
    project = state.projects.get(given.pop("project"))
    return state.items.find(project, given.pop("type", "issue"), given.pop("iid"))


def _merge_request(item: Item) -> MergeRequest:
    if not isinstance(item, MergeRequest):
        raise TypeError("only merge requests have that")
    return item


def _told(state: GitLabState, item: Item) -> Json:
    return {
        "id": item.id,
        "iid": item.iid,
        "project_id": item.project.id,
        "title": item.title,
        "state": item.state,
        "url": state.urls.item(item),
    }
