"""Find the linked items of a batch of events, in a fixed number of statements."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select

from gitlab_links.deliveries.pipeline_events import ItemKey, keys_from_branches, merge_request_of
from gitlab_links.extensions import db
from gitlab_links.gitlab.events import Event
from gitlab_links.gitlab.pipelines import BranchPipeline
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink


class Targets:
    """The linked items of a batch of events."""

    def __init__(self, org_id: uuid.UUID, events: Sequence[Event]) -> None:
        events = [event for event in events if event.relevant]
        self._projects = list(_projects(org_id, events))
        pipelines = {event.branch_pipeline for event in events if event.branch_pipeline}
        named = {key for event in events if event.iid for _, key in self._candidates(event)}
        self._items = _items(named | keys_from_branches(org_id, pipelines))
        self._links = count_links(self._items.values())

    def of(self, event: Event) -> tuple[GitLabProject, GitLabItem] | None:
        """The item of an event with its project; None if the item is not linked."""
        if not event.relevant:
            return None
        if event.branch_pipeline is not None:
            return self._of_branch(event.branch_pipeline)
        found = ((project, self._items.get(key)) for project, key in self._candidates(event))
        return next(((project, item) for project, item in found if item is not None), None)

    def _of_branch(self, pipeline: BranchPipeline) -> tuple[GitLabProject, GitLabItem] | None:
        item = merge_request_of(pipeline, self._items.values())
        return None if item is None else (db.session.get_one(GitLabProject, item.project_id), item)

    def project_of(self, event: Event) -> GitLabProject | None:
        """The project of an event, if it is linked."""
        if not event.relevant:
            return None
        return next((project for project, _ in self._candidates(event)), None)

    def items(self) -> Iterable[GitLabItem]:
        """The items of the batch."""
        return self._items.values()

    def add(self, item: GitLabItem) -> None:
        """Add an item whose row was made for this batch."""
        self._items[item.project_id, item.type, item.iid] = item
        if all(project.id != item.project_id for project in self._projects):
            self._projects.append(db.session.get_one(GitLabProject, item.project_id))

    def links_of(self, item: GitLabItem) -> int:
        """The number of links to the item."""
        return self._links.get(item.id, 0)

    def any_requested(self, now: datetime) -> bool:
        """Whether an item is requested for now; the sweep finds items that are due later."""
        items = self._items.values()
        requested = [item.refresh_requested_at for item in items]
        requested += [item.status_wanted_at for item in items]
        return any(moment is not None and moment <= now for moment in requested)

    def _candidates(self, event: Event) -> list[tuple[GitLabProject, ItemKey]]:
        """The project with GitLab's id first, then one with the path whose id is unknown.

        After a rename there may be both for one project: a link with the new path has its own
        row until the first fetch.
        """
        path_key = (event.project_path or "").lower()
        by_id = [p for p in self._projects if p.gitlab_id == event.project_id is not None]
        by_path = [
            p
            for p in self._projects
            if p.path_key == path_key and None in (p.gitlab_id, event.project_id)
        ]
        return [(p, (p.id, str(event.item_type), event.iid or 0)) for p in by_id + by_path]


def _projects(org_id: uuid.UUID, events: Iterable[Event]) -> Sequence[GitLabProject]:
    ids = {event.project_id for event in events if event.project_id is not None}
    keys = {event.project_path.lower() for event in events if event.project_path}
    return db.session.scalars(
        select(GitLabProject)
        .join(OrgGitLabIntegration, OrgGitLabIntegration.org_id == GitLabProject.org_id)
        .where(
            GitLabProject.org_id == org_id,
            GitLabProject.base_url == OrgGitLabIntegration.base_url,
            or_(GitLabProject.gitlab_id.in_(ids), GitLabProject.path_key.in_(keys)),
        )
        .order_by(GitLabProject.id)
        .execution_options(populate_existing=True)
    ).all()


def _items(keys: set[ItemKey]) -> dict[ItemKey, GitLabItem]:
    if not keys:
        return {}
    rows = db.session.scalars(
        select(GitLabItem)
        .where(or_(*_named(keys)))
        .order_by(GitLabItem.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {(row.project_id, row.type, row.iid): row for row in rows}


def _named(keys: set[ItemKey]) -> Iterator[ColumnElement[bool]]:
    """One index range per project and type: SQLite scans the whole table for row values."""
    iids: defaultdict[tuple[uuid.UUID, str], list[int]] = defaultdict(list)
    for project_id, item_type, iid in keys:
        iids[project_id, item_type].append(iid)
    for (project_id, item_type), some in iids.items():
        yield and_(
            GitLabItem.project_id == project_id,
            GitLabItem.type == item_type,
            GitLabItem.iid.in_(some),
        )


def count_links(items: Iterable[GitLabItem]) -> dict[uuid.UUID, int]:
    counts = db.session.execute(
        select(TaskGitLabLink.item_id, func.count().label("links"))
        .where(TaskGitLabLink.item_id.in_([item.id for item in items]))
        .group_by(TaskGitLabLink.item_id)
    )
    return {row.item_id: row.links for row in counts}
