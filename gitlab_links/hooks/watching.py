"""Which projects are watched, what was noticed of them, and what is shown."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, exists, func, or_, select, update

from gitlab_links.db import insert_unless_exists, new_id, upsert
from gitlab_links.errors import NotFound
from gitlab_links.extensions import db
from gitlab_links.hooks.models import GitLabChangeCount, GitLabProjectWatch
from gitlab_links.hooks.views import HookState
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.links.unreadable import is_unreadable

NEW_WATCHES_A_TIME = 200
# A way that has worked within this time, and missed nothing, is trusted.
PROVEN_FOR = timedelta(days=7)
COUNTED_DAYS = 7
# Of one failure nobody needs to hear: it is tried again within seconds.
UNREADABLE_AT = 3


@dataclass(frozen=True, slots=True)
class WatchedProject:
    """A project with links or a picked one. Counts and a former path are of the last 7 days.
    ``seen``: GitLab has shown it to us. ``hook_wanted``: a worker is still to make its webhook.
    ``unreadable`` is how many of its links could not be read several times in a row, though
    their items are there as far as is known; ``unreadable_code`` is why, ``reason`` what
    GitLab said.
    """

    id: uuid.UUID
    path: str
    former_path: str | None
    renamed_at: datetime | None
    seen: bool
    base_url: str
    links: int
    hook_state: HookState
    hook_id: int | None
    hook_wanted: bool
    disabled_until: datetime | None
    events_missing: Sequence[str]
    error_code: str | None
    checked_at: datetime | None
    last_event_at: datetime | None
    last_event_via: str | None
    last_missed_at: datetime | None
    changes_by_webhook: int
    changes_by_sweep: int
    unreadable: int
    unreadable_code: str | None
    reason: str | None

    @property
    def only_by_sweep(self) -> bool:
        """Whether events would have told of changes and none did."""
        return self.changes_by_sweep > 0 and self.changes_by_webhook == 0


_watch = GitLabProjectWatch
_DEAF = frozenset({HookState.MISSING, HookState.TEMPORARILY_DISABLED, HookState.DISABLED})


def watched_projects(
    org_id: uuid.UUID, now: datetime, only: uuid.UUID | None = None
) -> list[WatchedProject]:
    """The org's projects on its present GitLab with links, and the picked ones, by path."""
    conditions = () if only is None else (GitLabProject.id == only,)
    return watched_by_org([org_id], now, *conditions)[org_id]


def watched_by_org(
    org_ids: Collection[uuid.UUID], now: datetime, *conditions: ColumnElement[bool]
) -> defaultdict[uuid.UUID, list[WatchedProject]]:
    """The same of many orgs at once, in one statement."""
    failing = and_(is_unreadable(), GitLabItem.failures >= UNREADABLE_AT)
    links = (
        select(
            GitLabItem.project_id,
            func.count().label("links"),
            func.sum(case((failing, 1), else_=0)).label("unreadable"),
            func.max(case((failing, GitLabItem.error_code))).label("unreadable_code"),
        )
        .join(TaskGitLabLink, TaskGitLabLink.item_id == GitLabItem.id)
        .where(GitLabItem.org_id.in_(org_ids))
        .group_by(GitLabItem.project_id)
        .subquery()
    )
    since = (now - timedelta(days=COUNTED_DAYS - 1)).date()
    counts = (
        select(
            GitLabChangeCount.project_id,
            func.sum(GitLabChangeCount.by_webhook).label("by_webhook"),
            func.sum(GitLabChangeCount.by_sweep).label("by_sweep"),
        )
        .where(GitLabChangeCount.org_id.in_(org_ids), GitLabChangeCount.day >= since)
        .group_by(GitLabChangeCount.project_id)
        .subquery()
    )
    # Columns, not entities: these may be many rows, and nobody changes them.
    rows = db.session.execute(
        select(
            *_SEEN,
            links.c.links,
            links.c.unreadable,
            links.c.unreadable_code,
            counts.c.by_webhook,
            counts.c.by_sweep,
        )
        .outerjoin(links, links.c.project_id == GitLabProject.id)
        .join(OrgGitLabIntegration, OrgGitLabIntegration.org_id == GitLabProject.org_id)
        .outerjoin(_watch, _watch.project_id == GitLabProject.id)
        .outerjoin(counts, counts.c.project_id == GitLabProject.id)
        .where(
            GitLabProject.org_id.in_(org_ids),
            GitLabProject.base_url == OrgGitLabIntegration.base_url,
            or_(links.c.links.is_not(None), _watch.picked_at.is_not(None)),
            *conditions,
        )
        .order_by(func.lower(GitLabProject.path))
    )
    found: defaultdict[uuid.UUID, list[WatchedProject]] = defaultdict(list)
    for row in rows:
        found[row.org_id].append(_view(row, now))
    return found


_SEEN = (
    GitLabProject.id,
    GitLabProject.org_id,
    GitLabProject.gitlab_id,
    GitLabProject.path,
    GitLabProject.former_path,
    GitLabProject.renamed_at,
    GitLabProject.base_url,
    GitLabProject.error_reason,
    _watch.state,
    _watch.hook_id,
    _watch.hook_due_at,
    _watch.disabled_until,
    _watch.events_missing,
    _watch.error_code,
    _watch.checked_at,
    _watch.last_event_at,
    _watch.last_event_via,
    _watch.last_missed_at,
)


def _view(row: Row[*tuple[Any, ...]], now: datetime) -> WatchedProject:
    """What is known; of a project that is not watched yet that is nothing."""
    renamed = row.renamed_at is not None and row.renamed_at > now - timedelta(days=COUNTED_DAYS)
    return WatchedProject(
        id=row.id,
        path=row.path,
        former_path=row.former_path if renamed else None,
        renamed_at=row.renamed_at if renamed else None,
        seen=row.gitlab_id is not None,
        base_url=row.base_url,
        links=row.links or 0,
        hook_state=HookState(row.state or HookState.UNKNOWN),
        hook_id=row.hook_id,
        hook_wanted=row.hook_due_at is not None,
        disabled_until=row.disabled_until,
        events_missing=tuple(row.events_missing or ()),
        error_code=row.error_code,
        checked_at=row.checked_at,
        last_event_at=row.last_event_at,
        last_event_via=row.last_event_via,
        last_missed_at=row.last_missed_at,
        changes_by_webhook=int(row.by_webhook or 0),
        changes_by_sweep=int(row.by_sweep or 0),
        unreadable=int(row.unreadable or 0),
        unreadable_code=row.unreadable_code,
        reason=row.error_reason,
    )


def require_watch(
    org_id: uuid.UUID, project_row: uuid.UUID
) -> tuple[GitLabProjectWatch, GitLabProject]:
    """The watch of an org's project, made if need be; raises :class:`NotFound`."""
    project = db.session.get(GitLabProject, project_row)
    if project is None or project.org_id != org_id:
        raise NotFound
    _make(org_id, project_row)
    return db.session.scalars(select(_watch).where(_watch.project_id == project_row)).one(), project


def watch_new_projects() -> int:
    """Begin to watch projects that links have come to point into; says how many.

    Not before GitLab has shown them: a link may name a project that does not exist.
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
    """Orgs with hooks to be looked at; ``connected`` is a condition on integrations."""
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


def look_soon(org_id: uuid.UUID, now: datetime, *, unless_since: datetime) -> int:
    """Have hooks looked at now that were not since; says how many."""
    never = datetime.min.replace(tzinfo=now.tzinfo)
    result = db.session.execute(
        update(_watch)
        .where(
            _watch.org_id == org_id,
            _watch.check_due_at > now,
            func.coalesce(_watch.checked_at, never) < unless_since,
        )
        .values(check_due_at=now)
        .execution_options(synchronize_session=False)
    )
    return int(result.rowcount)  # type: ignore[attr-defined]


def note_events(
    org_id: uuid.UUID, newest: Mapping[uuid.UUID, tuple[datetime, str]], now: datetime
) -> None:
    """Note when and by which kind of hook the newest event of each project came.

    Where the project was thought to have no working hook, it is looked at again at once.
    """
    if not newest:
        return
    told = upsert(db.engine.dialect.name, GitLabProjectWatch).values(
        [
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
    )
    rows = db.session.execute(
        told.on_conflict_do_update(
            index_elements=["project_id"],
            set_={
                "last_event_at": told.excluded.last_event_at,
                "last_event_via": told.excluded.last_event_via,
            },
        ).returning(_watch.project_id, _watch.state)
    ).all()
    broken = [row.project_id for row in rows if row.state in _DEAF]
    if broken:
        _look_now(broken, now)


def note_missed(org_id: uuid.UUID, project_ids: Iterable[uuid.UUID], now: datetime) -> None:
    """Note that changes came without an event: the hooks are looked at, at once."""
    ids = sorted(set(project_ids))
    for project_id in ids:
        _make(org_id, project_id)
    db.session.execute(
        update(_watch)
        .where(_watch.project_id.in_(ids))
        .values(last_missed_at=now)
        .execution_options(synchronize_session=False)
    )
    _look_now(ids, now)


def proven_projects(org_id: uuid.UUID, now: datetime) -> frozenset[uuid.UUID]:
    """Projects whose events arrive: some did lately, and nothing was missed since then."""
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


def _look_now(project_ids: Sequence[uuid.UUID], now: datetime) -> None:
    db.session.execute(
        update(_watch)
        .where(_watch.project_id.in_(project_ids), _watch.check_due_at > now)
        .values(check_due_at=now)
        .execution_options(synchronize_session=False)
    )


def _make(org_id: uuid.UUID, project_id: uuid.UUID) -> None:
    values = {"project_id": project_id, "org_id": org_id}
    insert_unless_exists(db.session, GitLabProjectWatch, values, "project_id")
