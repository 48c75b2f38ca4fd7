"""Delete tasks with their links."""

import uuid
from collections.abc import Sequence

from sqlalchemy import select, union

from gitlab_links.accounts.principal import Principal
from gitlab_links.errors import NotFound
from gitlab_links.links.changes import detach_all
from gitlab_links.links.items import lock_items
from gitlab_links.links.models import DismissedMention, TaskGitLabLink
from gitlab_links.rule_states.marking import forget_task
from gitlab_links.tasks.changes import delete_task, lock_tasks


def remove_task(principal: Principal, task_id: uuid.UUID) -> None:
    """Delete a task with its links, and the cached items without other links.

    Raises :class:`NotFound`, also for another org's task.
    """
    if not remove_tasks(principal, [task_id]):
        raise NotFound


def remove_tasks(principal: Principal, task_ids: Sequence[uuid.UUID]) -> int:
    """The same for the org's tasks among these; returns how many there were.

    All tasks are locked first, then all items, as by whoever changes links.
    """
    found = lock_tasks(principal.org_id, task_ids)
    links, dismissed = TaskGitLabLink, DismissedMention
    lock_items(
        union(
            select(links.item_id).where(links.task_id.in_(found)),
            select(dismissed.item_id).where(dismissed.task_id.in_(found)),
        )
    )
    for task_id in found:
        detach_all(principal, task_id)
        delete_task(principal, task_id)
        forget_task(task_id)
    return len(found)
