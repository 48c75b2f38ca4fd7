"""Find the linked items of a batch of events, in a fixed number of statements."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, String, Uuid, and_, func, or_, select
from sqlalchemy.types import TypeEngine

from gitlab_links.deliveries.pipeline_events import ItemKey, keys_from_branches, merge_request_of
from gitlab_links.extensions import db
from gitlab_links.gitlab.events import Event
from gitlab_links.gitlab.pipelines import BranchPipeline
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.storage.given_values import given_rows, is_among


class Targets:
    """The linked items of a batch of events."""

    def __init__(self, org_id: uuid.UUID, events: Sequence[Event]) -> None:
        events = [event for event in events if event.relevant]
        self._projects = list(_projects(org_id, events))
        self._named: dict[tuple[int | None, str], list[GitLabProject]] = {}
        pipelines = {event.branch_pipeline for event in events if event.branch_pipeline}
        named = {
            _key(project, event)
            for event in events
            if event.iid
            for project in self._projects_named(event)
        }
        self._items, self._links = _items(named | keys_from_branches(org_id, pipelines))

    def of(self, event: Event) -> tuple[GitLabProject, GitLabItem] | None:
        """The item of an event with its project; None if the item is not linked."""
        if not event.relevant:
            return None
        if event.branch_pipeline is not None:
            return self._of_branch(event.branch_pipeline)
        for project in self._projects_named(event):
            item = self._items.get(_key(project, event))
            if item is not None:
                return project, item
        return None

    def _of_branch(self, pipeline: BranchPipeline) -> tuple[GitLabProject, GitLabItem] | None:
        item = merge_request_of(pipeline, self._items.values())
        return None if item is None else (db.session.get_one(GitLabProject, item.project_id), item)

    def project_of(self, event: Event) -> GitLabProject | None:
        """The project of an event, if it is linked."""
        if not event.relevant:
            return None
        return next(iter(self._projects_named(event)), None)

    def items(self) -> Iterable[GitLabItem]:
        """The items of the batch."""
        return self._items.values()

    def add(self, item: GitLabItem) -> None:
        """Add an item whose row was made for this batch."""
        self._items[item.project_id, item.type, item.iid] = item
        if all(project.id != item.project_id for project in self._projects):
            self._projects.append(db.session.get_one(GitLabProject, item.project_id))
            self._named.clear()

    def links_of(self, item: GitLabItem) -> int:
        """The number of links to the item."""
        return self._links.get(item.id, 0)

    def any_requested(self, now: datetime) -> bool:
        """Whether an item is requested for now; the sweep finds items that are due later."""
        items = self._items.values()
        requested = [item.refresh_requested_at for item in items]
        requested += [item.status_wanted_at for item in items]
        return any(moment is not None and moment <= now for moment in requested)

    def _projects_named(self, event: Event) -> list[GitLabProject]:
        """The project with GitLab's id first, then one with the path whose id is unknown.

        After a rename there may be both for one project: a link with the new path has its own
        row until the first fetch.
        """
        name = event.project_id, (event.project_path or "").lower()
        found = self._named.get(name)
        if found is None:
            found = self._named[name] = self._search(*name)
        return found

    def _search(self, gitlab_id: int | None, path_key: str) -> list[GitLabProject]:
        by_id = [p for p in self._projects if p.gitlab_id == gitlab_id is not None]
        by_path = [
            p for p in self._projects if p.path_key == path_key and None in (p.gitlab_id, gitlab_id)
        ]
        return by_id + by_path


def _key(project: GitLabProject, event: Event) -> ItemKey:
    return project.id, str(event.item_type), event.iid or 0


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


def _items(keys: set[ItemKey]) -> tuple[dict[ItemKey, GitLabItem], dict[uuid.UUID, int]]:
    """The items by their keys, locked, and the number of links to each by its id."""
    if not keys:
        return {}, {}
    link = TaskGitLabLink
    links = select(func.count()).where(link.item_id == GitLabItem.id).scalar_subquery()
    given = given_rows(
        db.engine.dialect.name, [dict(zip(_KEY, key, strict=True)) for key in keys], _KEY
    )
    rows = db.session.execute(
        select(GitLabItem, links)
        .join(given, and_(*(getattr(GitLabItem, name) == given.c[name] for name in _KEY)))
        .order_by(GitLabItem.id)
        .with_for_update(of=GitLabItem)
        .execution_options(populate_existing=True)
    ).all()
    items = {(item.project_id, item.type, item.iid): item for item, _ in rows}
    return items, {item.id: count for item, count in rows}


_KEY: dict[str, TypeEngine[Any]] = {"project_id": Uuid(), "type": String(), "iid": BigInteger()}


def count_links(items: Iterable[GitLabItem]) -> dict[uuid.UUID, int]:
    counts = db.session.execute(
        select(TaskGitLabLink.item_id, func.count().label("links"))
        .where(
            is_among(db.engine.dialect.name, TaskGitLabLink.item_id, (item.id for item in items))
        )
        .group_by(TaskGitLabLink.item_id)
    )
    return {row.item_id: row.links for row in counts}
