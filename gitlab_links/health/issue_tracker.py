"""Clickable keys: this service as the custom issue tracker of a project in GitLab.

Another tracker is never replaced.
"""

import uuid

from sqlalchemy import select

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.principal import Principal
from gitlab_links.audit.changes import Action, write_audit_event
from gitlab_links.clock import utcnow
from gitlab_links.errors import Conflict
from gitlab_links.extensions import db, settings
from gitlab_links.gitlab.answers import GitLabFailure
from gitlab_links.gitlab.error_codes import ErrorCode, in_words
from gitlab_links.gitlab.issue_trackers import CUSTOM, PresentTracker, TrackerFields
from gitlab_links.health.background_calls import background_client
from gitlab_links.health.hook_repair import NOT_ALLOWED
from gitlab_links.health.reached_projects import reached_project
from gitlab_links.integrations.changes import find_integration
from gitlab_links.integrations.credentials import Credentials, credentials_of
from gitlab_links.observations.watched_projects import watched_projects
from gitlab_links.operations.models import Operation, OperationKind
from gitlab_links.operations.queue import ask_for
from gitlab_links.operations.steps import OnStep, PutOff

WHOLE_SECONDS = 15.0
MOST_AT_ONCE = 100


class OtherTracker(Conflict, code="other_tracker"):
    """The project has another issue tracker, which is not replaced."""


class TrackerNotSet(Conflict, code="tracker_not_set"):
    """GitLab did not set the issue tracker, for example because the token may not."""


class TrackerPutOff(TrackerNotSet, PutOff):
    """GitLab's rate limit is used up."""


def tracker_fields(org_id: uuid.UUID) -> TrackerFields:
    """What to enter in GitLab: its keys then lead to this org's tasks."""
    key = db.session.scalars(select(Org.task_key).where(Org.id == org_id)).one()
    tasks = _tasks_url(org_id)
    return TrackerFields(tasks, f"{tasks}/{key}-:id", f"{tasks}/new")


def ask_for_tracker(principal: Principal, project_row: uuid.UUID) -> Operation:
    """Create the operation with which a worker makes keys clickable in a project.

    Raises what ``reached_project`` raises.
    """
    project = reached_project(principal.org_id, project_row).project
    return ask_for(principal, OperationKind.SET_TRACKER, target=project_row, subject=project.path)


def ask_for_all_trackers(principal: Principal) -> list[Operation]:
    """The same for every watched project that GitLab has shown."""
    credentials_of(find_integration(principal.org_id))
    projects = [one for one in watched_projects(principal.org_id, utcnow()) if one.seen]
    return [
        ask_for(principal, OperationKind.SET_TRACKER, target=one.id, subject=one.path)
        for one in projects[:MOST_AT_ONCE]
    ]


def set_tracker_now(principal: Principal, project_row: uuid.UUID, on_step: OnStep) -> bool:
    """Make keys clickable in a project; returns whether that changed anything.

    Makes several calls to GitLab: for workers only. Commits before them. Raises
    :class:`OtherTracker`, :class:`TrackerNotSet` and what ``reached_project`` raises.
    """
    reached = reached_project(principal.org_id, project_row)
    project = reached.project
    where = project.address_in_api
    path, fields = project.path, tracker_fields(principal.org_id)
    db.session.commit()
    try:
        changed = _set(principal.org_id, reached.credentials, where, fields, on_step)
    except GitLabFailure as failure:
        put_off = failure.code == ErrorCode.RATE_LIMITED
        refusal = TrackerPutOff if put_off else TrackerNotSet
        raise refusal(_why(path, failure)) from None
    if changed:
        detail = {"project": path, "issues_url": fields.issues_url}
        write_audit_event(
            principal.org_id, principal.actor, Action.TRACKER_SET, project_row, detail
        )
    return changed


def _set(
    org_id: uuid.UUID,
    credentials: Credentials,
    project: int | str,
    fields: TrackerFields,
    on_step: OnStep,
) -> bool:
    from gitlab_links.gitlab.tracker_client import TrackerClient

    with background_client(
        org_id, credentials, TrackerClient, whole_seconds=WHOLE_SECONDS
    ) as client:
        on_step("looking_for_another_tracker")
        present = client.tracker(project)
        if present is not None and present.issues_url == fields.issues_url:
            return False
        if present is not None and not _is_ours(present, fields.project_url):
            raise OtherTracker(_words(present))
        on_step("setting_the_tracker")
        client.set_tracker(project, fields)
    return True


def _is_ours(present: PresentTracker, tasks_url: str) -> bool:
    """Whether it leads to this org's tasks, perhaps by a former key."""
    return (present.issues_url or "").startswith(f"{tasks_url}/")


def _words(present: PresentTracker) -> str:
    if present.slug != CUSTOM:
        return f"The project has another issue tracker, {present.slug}, which is not replaced."
    elsewhere = present.issues_url or "another address"
    return f"The project has another custom issue tracker, {elsewhere}, which is not replaced."


def _why(path: str, failure: GitLabFailure) -> str:
    if failure.code not in NOT_ALLOWED:
        return in_words(failure.code, failure.reason)
    return (
        f"The access token may not change the integrations of {path}: that needs the scope api "
        "and a maintainer of the project. Ask a maintainer to enter the fields by hand."
    )


def _tasks_url(org_id: uuid.UUID) -> str:
    return f"{settings().public_base_url}/orgs/{org_id}/tasks"
