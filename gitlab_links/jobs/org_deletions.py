"""The operation that deletes an org: a piece at a time, taken up again until nothing is left."""

import time
import uuid
from enum import Enum
from typing import TYPE_CHECKING

import structlog

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.gitlab.answers import GitLabFailure
from gitlab_links.gitlab.error_codes import in_words
from gitlab_links.health.background_calls import background_client
from gitlab_links.health.our_hooks import delete_hooks, our_hooks
from gitlab_links.integrations.changes import find_integration
from gitlab_links.integrations.credentials import credentials_of
from gitlab_links.integrations.summaries import webhook_url
from gitlab_links.observations.project_watches import note_hook_removed
from gitlab_links.operations.models import Operation, OperationKind
from gitlab_links.operations.queue import begin_step
from gitlab_links.org_data.deleting import (
    HookedProject,
    HookNotRemoved,
    close_org,
    delete_org_row,
    delete_piece,
    hooked_projects,
)

if TYPE_CHECKING:
    from gitlab_links.gitlab.hook_client import MaintainingClient

# No piece or call begins later in a slice, so that each ends within the job's timeout.
SLICE_SECONDS = 5.0
PROJECTS_A_SLICE, CALLS_SECONDS = 20, 15.0
REMOVING, CLOSING, DELETING = "removing_webhooks", "closing_the_org", "deleting_"
_GONE = frozenset({"not_found"})

log = structlog.get_logger(__name__)


class Ending(Enum):
    """How a slice ends: there is more to do, or the operation's own row is gone."""

    MORE = "more"
    GONE = "gone"


def delete_org(operation: Operation) -> Ending:
    """One slice. Safe to repeat: it begins with what is left.

    Raises :class:`HookNotRemoved` before anything is deleted here.
    """
    org_id, ends_at = operation.org_id, time.monotonic() + SLICE_SECONDS
    closed = _has_begun(operation, CLOSING)
    if operation.kind == OperationKind.DELETE_ORG_AND_HOOKS and not closed:
        _begin(operation, REMOVING)
        if _remove_hooks(org_id, ends_at) is Ending.MORE:
            return Ending.MORE
    if not closed:
        close_org(org_id, operation.requested_by)
        _begin(operation, CLOSING)
    while (table := delete_piece(org_id)) is not None:
        _begin(operation, f"{DELETING}{table}")
        if time.monotonic() > ends_at:
            return Ending.MORE
    log.warning("org.deleted", org_id=str(org_id), name=operation.subject)
    delete_org_row(org_id)
    db.session.commit()
    return Ending.GONE


def _remove_hooks(org_id: uuid.UUID, ends_at: float) -> Ending | None:
    from gitlab_links.gitlab.hook_client import MaintainingClient

    projects = hooked_projects(org_id, PROJECTS_A_SLICE)
    if not projects:
        db.session.rollback()
        return None
    credentials = credentials_of(find_integration(org_id))
    db.session.rollback()  # no transaction is open during a call
    with background_client(
        org_id, credentials, MaintainingClient, whole_seconds=CALLS_SECONDS
    ) as client:
        for project in projects:
            _remove(client, project, webhook_url(org_id))
            note_hook_removed(project.project_row, utcnow())
            db.session.commit()
            if time.monotonic() > ends_at:
                break
    return Ending.MORE


def _remove(client: "MaintainingClient", project: HookedProject, url: str) -> None:
    try:
        ours = our_hooks(client.hooks(project.project), url)
        delete_hooks(client, project.project, ours)
    except GitLabFailure as failure:
        if failure.code in _GONE:
            return
        raise HookNotRemoved(
            f"The webhook of {project.path} could not be removed: "
            f"{in_words(failure.code, failure.reason)} Nothing of the org was deleted. Try again, "
            "or delete the org without removing its webhooks."
        ) from None


def _has_begun(operation: Operation, step: str) -> bool:
    return any(one["step"] == step for one in operation.steps)


def _begin(operation: Operation, step: str) -> None:
    """Save the step, once, with what was done before it."""
    if not _has_begun(operation, step):
        begin_step(operation, step)
    db.session.commit()
