"""Marking tasks whose items change in a way that the status rules see."""

import uuid
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select

from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemState
from gitlab_links.links.freshness import GONE
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.rule_states.marking import mark_tasks

# What webhook bodies can change of it.
BODY_FIELDS = ("state", "draft", "target_branch", "source_project_id")


class ItemMarks:
    """Remembers what the rules see of items, and later marks the tasks of those that differ."""

    def __init__(self, items: Iterable[GitLabItem]) -> None:
        self._before = [(item, _seen(item)) for item in items]

    def write(self, org_id: uuid.UUID, now: datetime) -> None:
        """Mark the tasks; no statement if nothing has changed."""
        changed = [item.id for item, before in self._before if _seen(item) != before]
        if changed:
            db.session.flush()
            link = TaskGitLabLink
            mark_tasks(org_id, select(link.task_id).where(link.item_id.in_(changed)), now)


def _seen(item: GitLabItem) -> tuple[object, ...]:
    """What the rules see of an item; ``links_of_tasks`` reads the same."""
    return (
        *body_fields(item),
        (item.moved_to_id, item.moved_iid),
        item.error_code in GONE,
        item.unproven_since is not None,
    )


def body_fields(item: GitLabItem) -> tuple[object, ...]:
    """The values of :data:`BODY_FIELDS`."""
    return (item.state, bool(item.draft), item.target_branch, item.source_project_id)


def note_default_branch(project: GitLabProject, branch: str | None, now: datetime) -> None:
    """Record the default branch that GitLab sent; what was merged may now count otherwise."""
    if branch is None or branch == project.default_branch:
        return
    project.default_branch = branch
    db.session.flush()
    merged = (
        select(TaskGitLabLink.task_id)
        .join(GitLabItem, GitLabItem.id == TaskGitLabLink.item_id)
        .where(GitLabItem.project_id == project.id, GitLabItem.state == ItemState.MERGED.value)
    )
    mark_tasks(project.org_id, merged, now)
