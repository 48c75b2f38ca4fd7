"""What a very large project, or task, takes: moved in pieces, each of which is committed."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask
from sqlalchemy import func, insert, select, update

from benchmarks.report import Result, Row, below
from benchmarks.seeds import make_org, make_stored_world
from benchmarks.stage import Stage
from gitlab_links.accounts.models import Membership
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.extensions import db
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.links.task_removal import remove_task
from gitlab_links.storage.database import new_id
from gitlab_links.sync.project_successors import move_next_piece, succeed
from gitlab_links.sync.projects import hand_over_path, learn
from gitlab_links.tasks.models import Task

RECREATED = (8_001, 20_000)
RENAMED = 100_000
LINKS_OF_A_TASK = 5_001
# A piece is one transaction, of the 5 s that a slice of fetching has.
PIECE_SECONDS = 2.0
DELETE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Moved:
    """How long all pieces took, the longest of them, and how many there were."""

    seconds: float
    longest: float
    pieces: int

    def rows(self, name: str) -> list[Row]:
        """The table's rows."""
        whole = f"{self.seconds:.1f} s, {self.pieces} pieces"
        return [
            Row(f"{name}, all", whole),
            below(f"{name}, the longest piece", self.longest, PIECE_SECONDS, "s", digits=2),
        ]


def run(stage: Stage) -> Result:
    """Wall time, on both databases, as it is the database's work."""
    rows: list[Row] = []
    for dialect in ("postgresql", "sqlite"):
        app = stage.make_app(stage.new_database(dialect))
        for items in RECREATED:
            moved = _recreated(app, stage.gitlab_url, items)
            rows += moved.rows(f"{dialect}: project made again, {items:,} items")
        rows += _renamed(app, stage.gitlab_url, dialect)
        seconds = _task_deleted(app, stage.gitlab_url)
        name = f"{dialect}: task with {LINKS_OF_A_TASK:,} links deleted"
        rows.append(below(name, seconds, DELETE_SECONDS, "s", digits=2))
    return Result(rows)


def _recreated(app: Flask, base_url: str, items: int) -> Moved:
    """All links were made since the project was last seen: each means the new one."""
    world = make_stored_world(app, f"again-{items}", base_url, items)
    with app.app_context():
        seen = update(GitLabItem).where(GitLabItem.org_id == world.org_id)
        db.session.execute(seen.values(fetched_at=None))
        db.session.commit()
        project = _project(world.org_id)
        return _moved(world.org_id, lambda: hand_over_path(project, 2))


def _renamed(app: Flask, base_url: str, dialect: str) -> list[Row]:
    """Under its own row, and where the new path has been linked already under another row."""
    world = make_stored_world(app, "renamed", base_url, RENAMED)
    with app.app_context():
        project = _project(world.org_id)
        began = time.monotonic()
        learn(project, project.gitlab_id, "renamed/elsewhere")
        db.session.commit()
        name = f"{dialect}: rename of {RENAMED:,} items"
        rows = [below(name, time.monotonic() - began, 1.0, "s", digits=2)]
        twin = GitLabProject(
            org_id=world.org_id, base_url=base_url, path="renamed/other", path_key="renamed/other"
        )
        db.session.add(twin)
        db.session.flush()
        project.gitlab_id, twin.gitlab_id = None, project.gitlab_id
        db.session.commit()
        moved = _moved(world.org_id, lambda: succeed(project, twin))
    return rows + moved.rows(f"{dialect}: two rows of one project, {RENAMED:,} items")


def _task_deleted(app: Flask, base_url: str) -> float:
    org_id, _, _ = make_org(app, "deleted", base_url)
    with app.app_context():
        task = Task(org_id=org_id, number=1, title="Many links")
        project = GitLabProject(org_id=org_id, base_url=base_url, gitlab_id=1, path="a/b")
        project.path_key = project.path
        db.session.add_all([task, project])
        db.session.flush()
        made = {"org_id": org_id, "project_id": project.id, "type": "issue"}
        items = [{"id": new_id(), "iid": iid, **made} for iid in range(1, LINKS_OF_A_TASK + 1)]
        db.session.execute(insert(GitLabItem), items)
        links = [{"org_id": org_id, "task_id": task.id, "item_id": row["id"]} for row in items]
        db.session.execute(insert(TaskGitLabLink), links)
        db.session.commit()
        user_id = db.session.scalars(
            select(Membership.user_id).where(Membership.org_id == org_id)
        ).one()
        principal, task_id = Principal(org_id, user_id, Role.ADMIN), task.id
        began = time.monotonic()
        remove_task(principal, task_id)
        db.session.commit()
        seconds = time.monotonic() - began
        left = select(func.count()).where(GitLabItem.org_id == org_id)
        assert db.session.scalar(left) == 0
        return seconds


def _project(org_id: uuid.UUID) -> GitLabProject:
    return db.session.scalars(select(GitLabProject).where(GitLabProject.org_id == org_id)).one()


def _moved(org_id: uuid.UUID, begin: Callable[[], None]) -> Moved:
    """The first piece as an answer of GitLab's begins it, the others as a worker goes on."""
    began, pieces = time.monotonic(), []
    begin()
    db.session.commit()
    pieces.append(time.monotonic() - began)
    while True:
        piece_began = time.monotonic()
        is_more = move_next_piece(org_id)
        db.session.commit()
        db.session.expire_all()
        if not is_more:
            break
        pieces.append(time.monotonic() - piece_began)
    return Moved(time.monotonic() - began, max(pieces), len(pieces))
