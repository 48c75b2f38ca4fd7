"""Delete a task with its links."""

import uuid

from gitlab_links.accounts.principal import Principal
from gitlab_links.links.changes import detach_all
from gitlab_links.rule_states.marking import forget_task
from gitlab_links.tasks.changes import delete_task


def remove_task(principal: Principal, task_id: uuid.UUID) -> None:
    """Delete a task with its links, and the cached items without other links.

    Raises :class:`NotFound`, also for another org's task.
    """
    detach_all(principal, task_id)
    delete_task(principal, task_id)
    forget_task(task_id)
