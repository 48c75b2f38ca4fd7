"""What the forms of the pages ask for, put into operations."""

import re
from collections.abc import Callable
from contextlib import nullcontext
from datetime import date
from functools import partial
from typing import Any

from werkzeug.datastructures import MultiDict

from gitlab_links.demo.gitlab.approvals import approve, revoke
from gitlab_links.demo.gitlab.records import DRAFT_TITLE, Issue, Item, MergeRequest, Project
from gitlab_links.demo.gitlab.state import GitLabState

Form = MultiDict[str, str]

LONGEST_TITLE = 255
SEGMENT = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9_.][A-Za-z0-9_.-]*"
PATH = re.compile(rf"{SEGMENT}(?:/{SEGMENT})+")


class BadForm(Exception):
    """What is wrong, for people."""


def change_from_form(state: GitLabState, item: Item, form: Form) -> bool:
    """Apply the edit form of an item; whether the item is still there afterwards.

    ``lose`` makes it an edit whose webhooks never arrive.
    """
    with state.publisher.muted() if form.get("lose") else nullcontext():
        if form.get("action") == "delete":
            state.items.delete(item)
            return False
        by = _known_user(state, form.get("by")) or item.author.username
        state.items.edit(item, by=by, **_fields(item, form))
        _change_state(state, item, form.get("action", ""), by)
        if isinstance(item, MergeRequest):
            _change_pipeline(state, item, form.get("pipeline", ""))
        if comment := form.get("comment", "").strip():
            state.items.comment(item, comment, by=by)
    return True


def add_from_form(state: GitLabState, project: Project, kind: str, form: Form) -> Item:
    """A new item; without a branch, that of a merge request is made from its title."""
    author = _known_user(state, form.get("author"))
    if author is None:
        raise BadForm("Choose who opens it.")
    title = _title(form)
    description = form.get("description", "").replace("\r\n", "\n")
    if kind != "merge_requests":
        return state.items.add_issue(project, title, author=author, description=description)
    made = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "branch"
    branch = form.get("source_branch", "").strip() or made[:60]
    return state.items.add_merge_request(
        project, title, author=author, description=description, source_branch=branch
    )


def change_project_from_form(state: GitLabState, project: Project, form: Form) -> None:
    """Give a project another path."""
    path = form.get("path", "").strip().strip("/")
    if not PATH.fullmatch(path) or path.endswith((".git", ".atom")):
        raise BadForm("A path is a group and a project, as acme/web-shop.")
    taken, moved = state.projects.find(path)
    if taken is not None and taken is not project and not moved:
        raise BadForm(f"There is a project at {path} already.")
    if path != project.path_with_namespace:
        state.projects.rename(project, path)


def _fields(item: Item, form: Form) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "title": _title(form),
        "description": form.get("description", item.description).replace("\r\n", "\n"),
        "labels": [name for name in form.getlist("labels") if name in item.project.labels],
        "assignees": form.getlist("assignees"),
        "milestone": int(form["milestone"]) if form.get("milestone", "").isdecimal() else None,
    }
    if isinstance(item, Issue):
        fields["due_date"] = _day(form.get("due_date", ""))
        fields["confidential"] = bool(form.get("confidential"))
        fields["type"] = form.get("type", item.type)
    else:
        plain = DRAFT_TITLE.sub("", fields["title"])
        fields["title"] = f"Draft: {plain}" if form.get("draft") else plain
        fields["reviewers"] = form.getlist("reviewers")
        fields["mergeability"] = form.get("mergeability", "mergeable")
    return fields


def _title(form: Form) -> str:
    title = " ".join(form.get("title", "").split())
    if not title:
        raise BadForm("A title is needed.")
    if len(title) > LONGEST_TITLE:
        raise BadForm(f"A title has at most {LONGEST_TITLE} characters.")
    return title


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise BadForm("The due date is not a date.") from None


def _known_user(state: GitLabState, username: str | None) -> str | None:
    return username if username in state.people.users else None


def _change_state(state: GitLabState, item: Item, action: str, by: str) -> None:
    if action == "close":
        state.items.close(item, by=by)
    elif action == "reopen":
        state.items.reopen(item, by=by)
    elif isinstance(item, MergeRequest):
        acts: dict[str, Callable[..., None]] = {
            "merge": state.items.merge,
            "approve": partial(approve, state.items),
            "revoke": partial(revoke, state.items),
        }
        if action in acts:
            acts[action](item, by=by)


def _change_pipeline(state: GitLabState, mr: MergeRequest, status: str) -> None:
    current = mr.head_pipeline.status if mr.head_pipeline else ""
    if not status or status == current:
        return
    if mr.head_pipeline is None:
        state.pipelines.run(mr, status)
    else:
        state.pipelines.set_status(mr, status)
