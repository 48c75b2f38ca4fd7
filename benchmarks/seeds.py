"""An org with a configured GitLab, tasks and links to items that exist there."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from flask import Flask
from sqlalchemy import delete, func, insert, select, update

from benchmarks.stage import GITLAB_TOKEN, TTL, Stage
from benchmarks.webhooks import Item
from gitlab_links.accounts.bootstrap import bootstrap
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.accounts.sessions import open_session
from gitlab_links.clock import utcnow
from gitlab_links.deliveries.models import GitLabWebhookDelivery
from gitlab_links.demo.gitlab.bulk import CREATED_AT
from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemType
from gitlab_links.integrations.changes import (
    IntegrationChange,
    find_integration,
    update_integration,
)
from gitlab_links.links.freshness import next_sync_after
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.observations.hook_secrets import make_hook_secret
from gitlab_links.storage.database import new_id
from gitlab_links.tasks.models import Task

# A statement has seconds, however slow the machine.
ROWS_AT_ONCE = 5_000
PASSWORD = "a long password for benchmarks"
WEBHOOK_SECRET = "webhook-secret-of-the-benchmarks"


@dataclass(frozen=True)
class World:
    """An org, the ways in, and its linked items, in the order of their projects."""

    app: Flask
    org_id: uuid.UUID
    api_key: str
    cookie: str
    task_ids: Sequence[uuid.UUID]
    items: Sequence[Item]

    def spread(self, per_project: int) -> list[Item]:
        """So many items of each project, project by project in turns."""
        groups: dict[int, list[Item]] = {}
        for item in self.items:
            groups.setdefault(item.project_id, []).append(item)
        chosen = [list(islice(group, per_project)) for group in groups.values()]
        return [item for row in zip(*chosen, strict=True) for item in row]


def make_org(app: Flask, name: str, base_url: str) -> tuple[uuid.UUID, str, str]:
    """An org that is connected; gives its id, an API key and a session cookie."""
    with app.app_context():
        made = bootstrap(f"{name}@example.com", PASSWORD, name)
        principal = Principal(made.org_id, made.user_id, Role.ADMIN)
        update_integration(
            principal,
            IntegrationChange(base_url=base_url, token=GITLAB_TOKEN, webhook_secret=WEBHOOK_SECRET),
        )
        token = open_session(made.user_id)
        db.session.commit()
    signer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    return made.org_id, made.api_key, str(signer.dumps({"_user_id": token, "_fresh": True}))


def make_world(
    stage: Stage, name: str, *, projects: int, issues: int, links_per_task: int = 20
) -> World:
    """Items in GitLab, and as many links to them, all fetched just now."""
    told = stage.control("bulk", projects=projects, issues=issues, prefix=name)
    found = [(project["id"], project["path_with_namespace"]) for project in told["projects"]]
    org_id, key, cookie = make_org(stage.app, name, stage.gitlab_url)
    items = [Item(*project, iid) for project in found for iid in range(1, issues + 1)]
    with stage.app.app_context():
        task_ids = _add_links(org_id, stage.gitlab_url, items, links_per_task)
        db.session.commit()
    stage.redis.flushdb()
    return World(stage.app, org_id, key, cookie, task_ids, items)


def make_stored_world(app: Flask, name: str, base_url: str, issues: int = 100) -> World:
    """The same of items that are in the database alone."""
    org_id, key, cookie = make_org(app, name, base_url)
    items = [Item(1, f"{name}/project-1", iid) for iid in range(1, issues + 1)]
    with app.app_context():
        task_ids = _add_links(org_id, base_url, items, 20)
        db.session.commit()
    return World(app, org_id, key, cookie, task_ids, items)


def _add_links(
    org_id: uuid.UUID, base_url: str, items: Sequence[Item], links_per_task: int
) -> list[uuid.UUID]:
    now = utcnow()
    projects = {item.project_path: item.project_id for item in items}
    project_rows = [
        {
            "id": new_id(),
            "org_id": org_id,
            "base_url": base_url,
            "gitlab_id": gitlab_id,
            "path": path,
            "path_key": path,
        }
        for path, gitlab_id in projects.items()
    ]
    ids = {row["path"]: row["id"] for row in project_rows}
    item_rows = [_item_row(org_id, ids[item.project_path], item.iid, now) for item in items]
    tasks = [
        {"id": new_id(), "org_id": org_id, "number": number, "title": f"Task {number}"}
        for number in range(1, -(-len(items) // links_per_task) + 1)
    ]
    links = [
        {
            "org_id": org_id,
            "task_id": tasks[number // links_per_task]["id"],
            "item_id": row["id"],
        }
        for number, row in enumerate(item_rows)
    ]
    for model, rows in (
        (GitLabProject, project_rows),
        (GitLabItem, item_rows),
        (Task, tasks),
        (TaskGitLabLink, links),
    ):
        for start in range(0, len(rows), ROWS_AT_ONCE):
            db.session.execute(insert(model), rows[start : start + ROWS_AT_ONCE])
            db.session.commit()
    # None in an INSERT is what the column's default is for.
    fetched = update(GitLabItem).where(GitLabItem.org_id == org_id)
    db.session.execute(fetched.values(refresh_requested_at=None))
    return [task["id"] for task in tasks]


def _item_row(org_id: uuid.UUID, project_id: uuid.UUID, iid: int, now: datetime) -> dict[str, Any]:
    person = {"username": "bulk.author", "name": "Bulk Author"}
    labels = [
        {"name": name, "color": "#1f75cb", "text_color": "#FFFFFF"} for name in ("bug", "later")
    ]
    return {
        "id": new_id(),
        "org_id": org_id,
        "project_id": project_id,
        "type": ItemType.ISSUE.value,
        "iid": iid,
        "title": f"Issue {iid} as it was when it was fetched",
        "state": "opened",
        "labels": labels[: iid % 3],
        "assignees": [person],
        "author": person,
        "gitlab_created_at": CREATED_AT,
        "source_updated_at": now,
        "fetched_at": now,
        "last_synced_at": now,
        "next_sync_at": next_sync_after(now, TTL),
    }


def make_stale(world: World) -> None:
    """Let every item of the org be past its TTL, and due."""
    with world.app.app_context():
        moment = utcnow() - timedelta(seconds=TTL + 60)
        db.session.execute(
            update(GitLabItem)
            .where(GitLabItem.org_id == world.org_id)
            .values(
                fetched_at=moment,
                webhook_applied_at=None,
                last_synced_at=moment,
                next_sync_at=moment,
                refresh_requested_at=None,
            )
        )
        db.session.commit()


def forget_deliveries(world: World) -> None:
    """Empty the org's delivery log."""
    with world.app.app_context():
        db.session.execute(
            delete(GitLabWebhookDelivery).where(GitLabWebhookDelivery.org_id == world.org_id)
        )
        db.session.commit()


def unfinished(world: World) -> int:
    """Deliveries not yet processed and items not yet fetched."""
    delivery = GitLabWebhookDelivery
    with world.app.app_context():
        waiting = db.session.scalar(
            select(func.count()).where(
                delivery.org_id == world.org_id, delivery.due_at.is_not(None)
            )
        )
        asked = db.session.scalar(
            select(func.count()).where(
                GitLabItem.org_id == world.org_id, GitLabItem.next_sync_at <= utcnow()
            )
        )
    return int(waiting or 0) + int(asked or 0)


def unconfirmed(world: World) -> int:
    """Items whose webhooks GitLab's API has not confirmed, where it is asked to."""
    with world.app.app_context():
        waiting = db.session.scalar(
            select(func.count()).where(
                GitLabItem.org_id == world.org_id, GitLabItem.refresh_requested_at.is_not(None)
            )
        )
    return int(waiting or 0)


def make_hook_secrets(world: World) -> dict[str, str]:
    """A secret for the hook of each project, by path, as *Create* makes one."""
    with world.app.app_context():
        integration = find_integration(world.org_id)
        assert integration is not None
        projects = db.session.scalars(
            select(GitLabProject).where(GitLabProject.org_id == world.org_id)
        )
        found = {one.path: make_hook_secret(integration, one.id)[1] for one in projects}
        db.session.commit()
    return found


def titles(world: World) -> dict[tuple[str, int], str]:
    """What is stored as the titles of the items, by project path and iid."""
    with world.app.app_context():
        rows = db.session.execute(
            select(GitLabProject.path, GitLabItem.iid, GitLabItem.title)
            .join(GitLabItem.project)
            .where(GitLabItem.org_id == world.org_id)
        ).all()
    return {(row.path, row.iid): str(row.title) for row in rows}
