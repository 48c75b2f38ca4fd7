"""Starting, stopping and resuming a look back, and the work of one list. Nothing here commits."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, delete, exists, select

from gitlab_links.accounts.orgs import lock_org
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.task_keys import mention_choices
from gitlab_links.audit.changes import Action, write_audit_event
from gitlab_links.backfills.models import Backfill, BackfillItem, BackfillStage
from gitlab_links.clock import utcnow
from gitlab_links.errors import Conflict, required
from gitlab_links.extensions import change_rows, db
from gitlab_links.gitlab.items import ItemType
from gitlab_links.integrations.changes import find_integration
from gitlab_links.integrations.credentials import credentials_of
from gitlab_links.job_triggers import JobKind, trigger_after_commit
from gitlab_links.links.models import GitLabProject
from gitlab_links.storage.waits import Wait
from gitlab_links.sync.pausing import LONGEST_PAUSE

# Longer than a call and storing its answer take; what comes later is dropped.
LEASE = timedelta(seconds=20)
# A list that fails is tried again this much later, and given up after so many failures.
RETRY_AFTER = timedelta(seconds=30)
MOST_FAILURES = 20
WAIT = Wait.of_all(Backfill.due_at, LONGEST_PAUSE)
RUNNING = (BackfillStage.LOOKING.value, BackfillStage.LINKING.value)


class Step(StrEnum):
    """What a person may do with a look back."""

    LINK = "link"
    STOP = "stop"
    RESUME = "resume"


class BackfillRunning(Conflict, code="backfill_running"):
    """A look back is running already."""


class NothingToDo(Conflict, code="backfill_not_ready"):
    """The look back is not at a point where this can be done."""


def start(principal: Principal) -> Backfill:
    """Begin to look, in every project of the org's GitLab that it knows.

    Raises :class:`BackfillRunning`, and a :class:`Conflict` if the org is not connected.
    """
    org_id = principal.org_id
    integration = find_integration(org_id)
    credentials_of(integration)
    _refuse_second(org_id)
    lists = _lists(org_id)
    backfill = Backfill(
        org_id=org_id,
        requested_by=principal.user_id,
        left=lists,
        lists=len(lists),
        due_at=utcnow(),
    )
    db.session.add(backfill)
    db.session.flush()
    write_audit_event(org_id, principal.actor, Action.BACKFILL_STARTED, backfill.id, {})
    trigger_after_commit(db.session, JobKind.BACKFILL, org_id)
    return backfill


def _lists(org_id: uuid.UUID) -> list[list[Any]]:
    """What to read: each project's items with a key of the org, and its open merge requests,
    whose branches no search finds.
    """
    integration = required(find_integration(org_id))
    projects = db.session.scalars(
        select(GitLabProject.id)
        .where(
            GitLabProject.org_id == org_id,
            GitLabProject.base_url == integration.base_url,
            GitLabProject.gitlab_id.is_not(None),
            GitLabProject.path_key.is_not(None),
        )
        .order_by(GitLabProject.path)
    ).all()
    words = [f"{key}-" for key in mention_choices(org_id).keys]
    return [
        [str(project), item_type.value, word, 1]
        for project in projects
        for item_type in ItemType
        for word in (*words, *((None,) if item_type is ItemType.MERGE_REQUEST else ()))
    ]


def link_found(principal: Principal, backfill_id: uuid.UUID) -> Backfill:
    """Link what was found: read the lists again, and link what mentions a task by then.

    Raises :class:`NotFound`, :class:`NothingToDo` unless a look is over, and
    :class:`BackfillRunning`.
    """
    backfill = lock_backfill(principal, backfill_id)
    if backfill.stage != BackfillStage.FOUND:
        raise NothingToDo("There is nothing found that waits to be linked.")
    _refuse_second(principal.org_id)
    found = select(BackfillItem.project_id).where(BackfillItem.backfill_id == backfill.id)
    ids = {str(project_id) for project_id in db.session.scalars(found.distinct())}
    backfill.left = [one for one in _lists(principal.org_id) if one[0] in ids]
    backfill.lists, backfill.is_linking = len(backfill.left), True
    _go_on(backfill)
    write_audit_event(principal.org_id, principal.actor, Action.BACKFILL_LINKED, backfill.id, {})
    return backfill


def stop(principal: Principal, backfill_id: uuid.UUID) -> Backfill:
    """Stop it where it is; what is linked stays linked. Raises :class:`NothingToDo`."""
    backfill = lock_backfill(principal, backfill_id)
    if backfill.stage not in RUNNING:
        raise NothingToDo("The look back is not running.")
    backfill.stage, backfill.due_at = BackfillStage.STOPPED.value, None
    return backfill


def resume(principal: Principal, backfill_id: uuid.UUID) -> Backfill:
    """Go on where it was stopped or has failed. Raises :class:`NothingToDo` and
    :class:`BackfillRunning`.
    """
    backfill = lock_backfill(principal, backfill_id)
    if backfill.stage not in (BackfillStage.STOPPED, BackfillStage.FAILED):
        raise NothingToDo("The look back was not stopped.")
    _refuse_second(principal.org_id)
    backfill.failures, backfill.error_code, backfill.error_detail = 0, None, None
    _go_on(backfill)
    return backfill


def take_step(principal: Principal, backfill_id: uuid.UUID, step: Step) -> Backfill:
    """Do the step; raises what it raises."""
    steps = {Step.LINK: link_found, Step.STOP: stop, Step.RESUME: resume}
    return steps[step](principal, backfill_id)


def _refuse_second(org_id: uuid.UUID) -> None:
    """Raise :class:`BackfillRunning` if one runs. None can begin to run before the commit."""
    lock_org(org_id)
    running = exists().where(Backfill.org_id == org_id, Backfill.stage.in_(RUNNING))
    if db.session.scalar(select(running)):
        raise BackfillRunning("A look back is running. Wait for it, or stop it first.")


def _go_on(backfill: Backfill) -> None:
    stage = BackfillStage.LINKING if backfill.is_linking else BackfillStage.LOOKING
    backfill.stage, backfill.due_at, backfill.finished_at = stage.value, utcnow(), None
    trigger_after_commit(db.session, JobKind.BACKFILL, backfill.org_id)


def lock_backfill(principal: Principal, backfill_id: uuid.UUID) -> Backfill:
    """Lock it until the commit; raises :class:`NotFound`."""
    ours = select(Backfill).where(Backfill.org_id == principal.org_id, Backfill.id == backfill_id)
    return required(
        db.session.scalars(
            ours.with_for_update().execution_options(populate_existing=True)
        ).one_or_none()
    )


@dataclass(frozen=True, slots=True)
class Turn:
    """One list to read, and the lease of whoever reads it."""

    backfill_id: uuid.UUID
    leased_until: datetime
    project_row: uuid.UUID
    project: int
    type: ItemType
    words: str | None
    page: int


def take(org_id: uuid.UUID, now: datetime) -> Turn | None:
    """Lease the org's due backfill, for its next list. Lists of projects that are gone are
    passed over. None if nothing is due.
    """
    backfill = db.session.scalars(
        select(Backfill)
        .where(Backfill.org_id == org_id, Backfill.due_at <= now, Backfill.stage.in_(RUNNING))
        .order_by(Backfill.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if backfill is None:
        return None
    left = list(backfill.left)
    while left:
        row, item_type, words, page = left[0]
        project = db.session.get(GitLabProject, uuid.UUID(row))
        if project is not None and project.gitlab_id is not None:
            backfill.left, backfill.due_at = left, now + LEASE
            return Turn(
                backfill.id,
                now + LEASE,
                project.id,
                project.gitlab_id,
                ItemType(item_type),
                words,
                page,
            )
        left.pop(0)
    _end(backfill, now)
    return None


def held(turn: Turn) -> Backfill | None:
    """The backfill, locked, if it is still the caller's; it may have been stopped since."""
    return db.session.scalars(
        select(Backfill)
        .where(
            Backfill.id == turn.backfill_id,
            Backfill.due_at == turn.leased_until,
            Backfill.stage.in_(RUNNING),
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()


def note_read(backfill: Backfill, turn: Turn, now: datetime, *, more: bool) -> None:
    """A page was read: go on with the next one, the next list, or the end."""
    first, *rest = backfill.left
    backfill.left = [[*first[:3], turn.page + 1], *rest] if more else rest
    backfill.calls += 1
    backfill.failures, backfill.error_code, backfill.error_detail = 0, None, None
    if backfill.left:
        backfill.due_at = now
    else:
        _end(backfill, now)


def note_skipped(backfill: Backfill, now: datetime, code: str, detail: str) -> None:
    """The project cannot be read: go on without this list."""
    backfill.left = backfill.left[1:]
    backfill.calls += 1
    backfill.skipped += 1
    backfill.error_code, backfill.error_detail = code, detail
    backfill.due_at = now
    if not backfill.left:
        _end(backfill, now)


def note_trouble(
    backfill: Backfill, now: datetime, code: str, detail: str, until: datetime | None
) -> None:
    """GitLab cannot be read now: try again later, or give up."""
    backfill.calls += 1
    backfill.failures += 1
    backfill.error_code, backfill.error_detail = code, detail
    if backfill.failures >= MOST_FAILURES:
        backfill.stage, backfill.due_at = BackfillStage.FAILED.value, None
        backfill.finished_at = now
    else:
        backfill.due_at = max(until or now, now + RETRY_AFTER)


def wait_until(backfill: Backfill, moment: datetime) -> None:
    """Leave the rest of the rate limit to others."""
    backfill.due_at = moment


def _end(backfill: Backfill, now: datetime) -> None:
    stage = BackfillStage.DONE if backfill.is_linking else BackfillStage.FOUND
    backfill.stage, backfill.due_at = stage.value, None
    backfill.left = []
    backfill.finished_at = now


def orgs_due(now: datetime) -> Select[uuid.UUID]:
    """Orgs with a backfill that a worker may take."""
    return select(Backfill.org_id).where(Backfill.due_at <= now).distinct()


def has_due(org_id: uuid.UUID, now: datetime) -> bool:
    """Whether the org has one."""
    due = exists().where(Backfill.org_id == org_id, Backfill.due_at <= now)
    return bool(db.session.scalar(select(due)))


def forget_old_backfills(now: datetime, kept: timedelta = timedelta(days=30)) -> None:
    """Delete what was started more than ``kept`` ago and does not run."""
    change_rows(
        delete(Backfill).where(Backfill.created_at < now - kept, Backfill.stage.not_in(RUNNING))
    )
