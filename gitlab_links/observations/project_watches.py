"""Watch the webhooks of projects: create watches, record events, and make checks due."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select, update

from gitlab_links.errors import NotFound
from gitlab_links.extensions import change_rows, db
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.observations.hook_secrets import end_hook_secrets
from gitlab_links.observations.hook_states import HookState
from gitlab_links.observations.models import GitLabProjectWatch
from gitlab_links.storage.database import insert_unless_exists, new_id
from gitlab_links.storage.many_rows import InsertRows

NEW_WATCHES_A_TIME = 200
# A hook is trusted if an event arrived, and none was missed, within this time.
PROVEN_FOR = timedelta(days=7)
# After missed events a hook is checked this often.
MISSED_AGAIN = timedelta(hours=1)

_watch = GitLabProjectWatch
_NOT_SENDING = frozenset({HookState.MISSING, HookState.TEMPORARILY_DISABLED, HookState.DISABLED})


def require_watch(
    org_id: uuid.UUID, project_row: uuid.UUID
) -> tuple[GitLabProjectWatch, GitLabProject]:
    """The watch of an org's project, created if needed. Raises :class:`NotFound`."""
    project = db.session.get(GitLabProject, project_row)
    if project is None or project.org_id != org_id:
        raise NotFound
    _make(org_id, project_row)
    return db.session.scalars(select(_watch).where(_watch.project_id == project_row)).one(), project


def find_watch(org_id: uuid.UUID, project_row: uuid.UUID) -> tuple[GitLabProjectWatch, str] | None:
    """The watch of an org's project, locked, and the project's path."""
    found = db.session.execute(
        select(_watch, GitLabProject.path)
        .join(GitLabProject, GitLabProject.id == _watch.project_id)
        .where(_watch.org_id == org_id, _watch.project_id == project_row)
        .with_for_update(of=_watch)
    ).one_or_none()
    return None if found is None else (found[0], found[1])


def is_linked(project_row: uuid.UUID) -> bool:
    """Whether the project has items of ours: then it is watched in any case."""
    linked = select(exists().where(GitLabItem.project_id == project_row))
    return bool(db.session.scalar(linked))


def move_pick(source_id: uuid.UUID, target_id: uuid.UUID) -> None:
    """The other row of the same project is watched, too, if somebody chose this one."""
    source = select(_watch.org_id, _watch.picked_at).where(_watch.project_id == source_id)
    picked = db.session.execute(source.where(_watch.picked_at.is_not(None))).one_or_none()
    if picked is None:
        return
    _make(picked.org_id, target_id)
    target = update(_watch).where(_watch.project_id == target_id, _watch.picked_at.is_(None))
    change_rows(target.values(picked_at=picked.picked_at))


def note_hook_removed(project_row: uuid.UUID, now: datetime) -> None:
    """The project's hook was deleted in GitLab."""
    end_hook_secrets(project_row, now)
    change_rows(
        update(_watch)
        .where(_watch.project_id == project_row)
        .values(state=HookState.MISSING.value, hook_id=None, disabled_until=None)
    )


def forget_proofs(org_id: uuid.UUID, now: datetime) -> None:
    """The org has left its GitLab: what was seen of webhooks proved secrets that are deleted."""
    change_rows(
        update(_watch)
        .where(_watch.org_id == org_id)
        .values(
            state=HookState.UNKNOWN.value,
            last_event_at=None,
            last_event_via=None,
            last_missed_at=None,
            checked_at=None,
            check_due_at=now,
        )
    )


def watch_new_projects() -> int:
    """Start to watch newly linked projects. Returns their number.

    A project is watched once GitLab has shown it, because a link may name one that does not
    exist.
    """
    watched = exists().where(_watch.project_id == GitLabProject.id)
    used = exists().where(GitLabItem.project_id == GitLabProject.id)
    rows = db.session.execute(
        select(GitLabProject.id, GitLabProject.org_id)
        .where(~watched, used, GitLabProject.gitlab_id.is_not(None))
        .limit(NEW_WATCHES_A_TIME)
    ).all()
    for row in rows:
        _make(row.org_id, row.id)
    return len(rows)


def orgs_with_due_projects(
    now: datetime, limit: int, connected: ColumnElement[bool]
) -> Sequence[uuid.UUID]:
    """Orgs with hooks to check; ``connected`` is a condition on integrations."""
    return db.session.scalars(
        select(_watch.org_id)
        .join(GitLabProject, GitLabProject.id == _watch.project_id)
        .join(OrgGitLabIntegration, OrgGitLabIntegration.org_id == _watch.org_id)
        .where(
            _watch.check_due_at <= now,
            GitLabProject.base_url == OrgGitLabIntegration.base_url,
            connected,
        )
        .distinct()
        .limit(limit)
    ).all()


def make_checks_due(org_id: uuid.UUID, now: datetime, *, unless_since: datetime) -> int:
    """Make the hooks due that were not checked since ``unless_since``. Returns their number."""
    never = datetime.min.replace(tzinfo=now.tzinfo)
    return change_rows(
        update(_watch)
        .where(
            _watch.org_id == org_id,
            _watch.check_due_at > now,
            func.coalesce(_watch.checked_at, never) < unless_since,
        )
        .values(check_due_at=now)
    )


def note_events(
    org_id: uuid.UUID, newest: Mapping[uuid.UUID, tuple[datetime, str]], now: datetime
) -> None:
    """Record the time and kind of hook of each project's newest event.

    A project without a working hook, by its last check, is checked again at once.
    """
    if not newest:
        return
    rows = [
        {
            "id": new_id(),
            "org_id": org_id,
            "project_id": project_id,
            "state": HookState.UNKNOWN.value,
            "events_missing": [],
            "last_event_at": received_at,
            "last_event_via": via,
            "check_due_at": now,
        }
        for project_id, (received_at, via) in sorted(newest.items())
    ]
    watches = _NOTE_EVENTS.run(db.session, rows).all()
    broken = [one.project_id for one in watches if one.state in _NOT_SENDING]
    if broken:
        make_due(broken, now)


def _newer_event(new: Any) -> dict[str, Any]:
    """That of the new row, if it is one: a delivery may be replayed long after it arrived."""
    is_newer = or_(_watch.last_event_at.is_(None), _watch.last_event_at <= new.last_event_at)
    return {
        "last_event_at": case((is_newer, new.last_event_at), else_=_watch.last_event_at),
        "last_event_via": case((is_newer, new.last_event_via), else_=_watch.last_event_via),
    }


_NOTE_EVENTS = InsertRows(
    GitLabProjectWatch,
    key=("project_id",),
    changed=_newer_event,
    returning=(_watch.project_id, _watch.state),
)


def note_missed(org_id: uuid.UUID, project_ids: Iterable[uuid.UUID], now: datetime) -> None:
    """Record that changes came without an event, and have the hooks checked: at once, but one
    that has missed another event lately not within ``MISSED_AGAIN`` after the check before. A hook
    that loses some events would be checked for each of them.
    """
    ids = sorted(set(project_ids))
    for project_id in ids:
        _make(org_id, project_id)
    of_ids, since = _watch.project_id.in_(ids), now - MISSED_AGAIN
    lately = and_(
        of_ids, _watch.last_missed_at > since, _watch.checked_at > since, _watch.checked_at <= now
    )
    checked = db.session.execute(select(_watch.project_id, _watch.checked_at).where(lately))
    again = {row.project_id: row.checked_at + MISSED_AGAIN for row in checked}
    change_rows(update(_watch).where(of_ids).values(last_missed_at=now))
    make_due([project_id for project_id in ids if project_id not in again], now)
    for project_id, moment in again.items():
        make_due([project_id], moment)


def proven_projects(org_id: uuid.UUID, now: datetime) -> frozenset[uuid.UUID]:
    """Projects whose events arrive: one did within PROVEN_FOR, and none was missed."""
    since = now - PROVEN_FOR
    return frozenset(
        db.session.scalars(
            select(_watch.project_id).where(
                _watch.org_id == org_id,
                _watch.last_event_at > since,
                func.coalesce(_watch.last_missed_at, since) <= since,
            )
        )
    )


def make_due(project_ids: Sequence[uuid.UUID], moment: datetime) -> None:
    """Make checks of these projects' hooks due at a moment, unless they are before."""
    change_rows(
        update(_watch)
        .where(_watch.project_id.in_(project_ids), _watch.check_due_at > moment)
        .values(check_due_at=moment)
    )


def _make(org_id: uuid.UUID, project_id: uuid.UUID) -> None:
    values = {"project_id": project_id, "org_id": org_id}
    insert_unless_exists(db.session, GitLabProjectWatch, values, "project_id")
