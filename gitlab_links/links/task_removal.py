"""Deleting a task that may have links."""

import uuid

from gitlab_links.links.operations import detach_all
from gitlab_links.tasks.operations import delete_task


def remove_task(org_id: uuid.UUID, task_id: uuid.UUID) -> None:
    """Delete a task with its links; cached items that nothing else links go, too.

    Raises :class:`NotFound`, also for another org's task.
    """
    detach_all(org_id, task_id)
    delete_task(org_id, task_id)
