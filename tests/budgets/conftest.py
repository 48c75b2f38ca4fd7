"""What a piece of work asks of Redis, and enough rows to count for."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import insert, update

from gitlab_links.accounts.models import Org
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.storage.database import new_id
from tests.factories import Factory


@pytest.fixture
def redis_commands(redis: Redis) -> Callable[[], int]:
    """How many commands Redis has been sent since the last time one asked."""
    counted = [_commands(redis)]

    def since_last() -> int:
        now = _commands(redis)
        counted.append(now)
        return now - counted[-2] - 1  # the asking itself

    return since_last


def _commands(redis: Redis) -> int:
    return int(redis.info("stats")["total_commands_processed"])


@pytest.fixture
def link_many(app: Flask, factory: Factory) -> Callable[..., uuid.UUID]:
    """Makes a task with so many links to one project's items; gives its id."""

    def make(org: Org, project: GitLabProject, count: int, *, stale: bool = False) -> uuid.UUID:
        task = factory.task(org)
        now = utcnow()
        synced = now - timedelta(days=1) if stale else now
        items = [
            {
                "id": new_id(),
                "org_id": org.id,
                "project_id": project.id,
                "type": "issue",
                "iid": int(new_id().int % 10**12),
                "title": "A title",
                "state": "opened",
                "fetched_at": synced,
                "last_synced_at": synced,
                "source_updated_at": synced,
                "next_sync_at": synced + timedelta(hours=1),
            }
            for _ in range(count)
        ]
        links = [{"org_id": org.id, "task_id": task.id, "item_id": i["id"]} for i in items]
        with app.app_context():
            db.session.execute(insert(GitLabItem), items)
            db.session.execute(insert(TaskGitLabLink), links)
            # None in an INSERT is what the column's default is for.
            db.session.execute(update(GitLabItem).values(refresh_requested_at=None))
            db.session.commit()
        return task.id

    return make
