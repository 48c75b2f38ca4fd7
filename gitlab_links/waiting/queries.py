"""What waits on a member: three queries, and one for the count in the header.

Only merge requests wait on somebody, and GitLab has no confidential ones; what is withheld from
some roles is left out for all.
"""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, bindparam, exists, func, select, true

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.principal import Principal
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemRef, ItemType
from gitlab_links.gitlab.urls import item_url
from gitlab_links.links.confidentiality import withheld
from gitlab_links.links.freshness import GONE
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.links.waits import Wait, WaitReason, waits_of
from gitlab_links.tasks.models import Task
from gitlab_links.tasks.summaries import task_reference
from gitlab_links.waiting.accounts import account_name, gitlab_username

MOST = 200
ORDER = list(WaitReason)


@dataclass(frozen=True, slots=True)
class TaskOfWait:
    """A task that the merge request is linked to."""

    id: uuid.UUID
    reference: str
    title: str


@dataclass(frozen=True, slots=True)
class WaitView:
    """One merge request that waits on the member. ``days`` are full days since ``since``."""

    reason: WaitReason
    since: datetime | None
    days: int | None
    url: str
    reference: str
    title: str | None
    merge_status: str | None
    pipeline_status: str | None
    tasks: Sequence[TaskOfWait]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits on a member, by reason and the longest first.

    ``gitlab_username`` is None if the member's is not known; then nothing is found.
    """

    gitlab_username: str | None
    waiting: Sequence[WaitView]


def waiting_count(org_id: uuid.UUID, user_id: uuid.UUID) -> int:
    """How many merge requests wait on the member. One query, by a partial index of the org's
    open merge requests that wait on anybody.
    """
    known = {"org_id": org_id, "user_id": user_id}
    return db.session.scalar(_counted(db.engine.dialect.name), known) or 0


def waiting_on(org_id: uuid.UUID, user_id: uuid.UUID) -> Waiting:
    """What waits on the member, ``MOST`` at most."""
    username = gitlab_username(org_id, user_id)
    if username is None:
        return Waiting(None, ())
    name = account_name()
    rows = db.session.execute(
        select(GitLabItem, GitLabProject)
        .select_from(GitLabItem)
        .join(name, _waits(name))
        .join(GitLabProject, GitLabProject.id == GitLabItem.project_id)
        .where(_of_org(db.engine.dialect.name))
        .order_by(GitLabItem.id)
        .limit(MOST),
        {"org_id": org_id, "user_id": user_id},
    ).all()
    tasks = _tasks(org_id, [item.id for item, _ in rows])
    found = [
        _view(item, project, wait, tasks[item.id])
        for item, project in rows
        for wait in waits_of(item)
        if wait.username == username
    ]
    latest = utcnow()
    found.sort(key=lambda one: (ORDER.index(one.reason), one.since or latest))
    return Waiting(username, found)


def waiting_for(principal: Principal) -> Waiting:
    """What waits on the caller."""
    return waiting_on(principal.org_id, principal.user_id)


@cache
def _counted(dialect: str) -> Select[*tuple[Any, ...]]:
    """Built once: each page has the count."""
    name = account_name()
    counted = select(func.count()).select_from(GitLabItem).join(name, _waits(name))
    return counted.where(_of_org(dialect))


def _of_org(dialect: str) -> ColumnElement[bool]:
    """On SQLite the org is only checked: it has no statistics, would take another index of the
    org, and read all its items.
    """
    ours = GitLabItem.org_id == bindparam("org_id")
    return ours.is_(true()) if dialect == "sqlite" else ours


def _waits(account: Subquery) -> ColumnElement[bool]:
    """The condition that joins an item to the account that it waits on."""
    name: ColumnElement[str] = account.c.name
    for special in ("\\", "%", "_"):  # an underscore would stand for any character
        name = func.replace(name, special, f"\\{special}")
    return and_(
        GitLabItem.waits_on.is_not(None),
        GitLabItem.waits_on.like("%|" + name + "|%", escape="\\"),
        func.coalesce(GitLabItem.error_code, "").not_in(GONE),
        ~withheld(),
        exists().where(TaskGitLabLink.item_id == GitLabItem.id),
    )


def _tasks(
    org_id: uuid.UUID, item_ids: Sequence[uuid.UUID]
) -> Mapping[uuid.UUID, Sequence[TaskOfWait]]:
    found: defaultdict[uuid.UUID, list[TaskOfWait]] = defaultdict(list)
    rows = db.session.execute(
        select(TaskGitLabLink.item_id, Task.id, Task.number, Task.title, Org.task_key)
        .join(Task, Task.id == TaskGitLabLink.task_id)
        .join(Org, Org.id == Task.org_id)
        .where(TaskGitLabLink.org_id == org_id, TaskGitLabLink.item_id.in_(item_ids))
        .order_by(Task.number)
    )
    for item_id, task_id, number, title, key in rows:
        found[item_id].append(TaskOfWait(task_id, task_reference(key, number), title))
    return found


def _view(
    item: GitLabItem, project: GitLabProject, wait: Wait, tasks: Sequence[TaskOfWait]
) -> WaitView:
    ref = ItemRef(project.path, ItemType(item.type), item.iid)
    return WaitView(
        reason=wait.reason,
        since=wait.since,
        days=None if wait.since is None else max(0, (utcnow() - wait.since).days),
        url=item_url(project.base_url, ref),
        reference=str(ref),
        title=item.title,
        merge_status=item.merge_status,
        pipeline_status=item.pipeline_status,
        tasks=tasks,
    )
