"""A large project that is deleted in GitLab and made again under its path, and one renamed."""

import random
import time
import uuid
from collections.abc import Sequence

from sqlalchemy import func, select

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.principal import Principal
from gitlab_links.demo.gitlab.bulk import Bulk, create_bulk
from gitlab_links.demo.gitlab.records import Project
from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemRef, ItemType
from gitlab_links.gitlab.urls import item_url
from gitlab_links.links.changes import refresh_links_of_task
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.links.task_removal import remove_task
from gitlab_links.pasting.changes import attach
from tests.hanging import HANGS
from tests.patience import within
from tests.soak.figures import Figure, at_least, at_most, exactly
from tests.soak.stage import GITLAB_TOKEN, Stage

LINKS_OF_A_TASK = 5000
COMMIT_EVERY = 200


def recreated_project(stage: Stage, *, items: int, seconds: float) -> Sequence[Figure]:
    """Half of the links are made and read before the project is made again, half afterwards:
    those mean the new one. At the end a task with thousands of links is deleted.
    """
    large = _Large(stage, items)
    stage.serve(workers=0)
    large.link(range(1, items // 2 + 1))
    stage.serve(workers=1)
    fetched = within(seconds * 5, lambda: large.count(fetched=True) == items // 2, every=0.5)
    stage.clear()

    large.link(range(items // 2 + 1, items + 1))
    project = large.make_again()
    large.refresh_all()
    stage.serve(workers=1)
    followed = within(seconds * 5, lambda: large.linked_to(project.id) == items // 2, every=0.2)
    told = within(seconds * 5, lambda: large.count(error="not_found") == items // 2, every=0.5)
    shown = within(seconds * 5, lambda: large.count(fetched=True, project=project.id) == items // 2)

    renamed = large.rename(project)
    stage.clear()
    deleted = large.delete_first_task()
    return [
        at_least("links", items, items),
        at_most("links made since are the new project's", followed, seconds),
        at_most("every link to the old one says so", told, seconds * 5),
        at_most("every link to the new one is read", shown, seconds * 5),
        exactly("jobs stopped for taking too long", _stopped_jobs(stage), 0),
        at_most("a rename is known after its first answer", renamed, seconds),
        at_most("a task with thousands of links is deleted", deleted, 1),
        at_least("seconds to read them at first", fetched, 0, "s"),
    ]


def _stopped_jobs(stage: Stage) -> int:
    logs = stage.supervisor.folder.glob("w*.log")
    return sum(log.read_text(errors="replace").count("JobTimeoutException") for log in logs)


class _Large:
    """An org with one large project."""

    def __init__(self, stage: Stage, items: int) -> None:
        self.stage, self.items = stage, items
        self.prefix = f"large-{random.randrange(10**9)}"
        self.project: Project = self._make()
        self.org: Org = stage.factory.org()
        stage.factory.connect(self.org, base_url=stage.gitlab.url, token=GITLAB_TOKEN)
        self.principal: Principal = stage.factory.principal(self.org)
        self.tasks: list[uuid.UUID] = []

    def _make(self) -> Project:
        bulk = Bulk(projects=1, issues=self.items, prefix=self.prefix)
        return create_bulk(self.stage.gitlab.state, bulk)[0]

    def link(self, iids: range) -> None:
        path = self.project.path_with_namespace
        for start in range(0, len(iids), COMMIT_EVERY):
            with self.stage.app.app_context():
                for iid in iids[start : start + COMMIT_EVERY]:
                    ref = ItemRef(path, ItemType.ISSUE, iid)
                    attach(self.principal, self._task(), item_url(self.stage.gitlab.url, ref))
                    self._linked += 1
                db.session.commit()

    _linked = 0

    def _task(self) -> uuid.UUID:
        if self._linked % LINKS_OF_A_TASK == 0:
            self.tasks.append(self.stage.factory.task(self.org).id)
        return self.tasks[-1]

    def make_again(self) -> Project:
        """Delete the project in GitLab and make another one under its path."""
        self.stage.gitlab.state.projects.delete(self.project)
        return self._make()

    def refresh_all(self) -> None:
        with self.stage.app.app_context():
            for task_id in self.tasks:
                refresh_links_of_task(self.org.id, task_id)
            db.session.commit()

    def count(
        self, *, fetched: bool = False, error: str | None = None, project: int | None = None
    ) -> int:
        """Items that were fetched, that have the error, that are of the project."""
        statement = (
            select(func.count())
            .select_from(GitLabItem)
            .join(GitLabItem.project)
            .where(GitLabItem.org_id == self.org.id)
        )
        if fetched:
            statement = statement.where(GitLabItem.fetched_at.is_not(None))
        if error is not None:
            statement = statement.where(GitLabItem.error_code == error)
        if project is not None:
            statement = statement.where(GitLabProject.gitlab_id == project)
        with self.stage.app.app_context():
            return db.session.scalar(statement) or 0

    def linked_to(self, project: int) -> int:
        """Links to items of the project with that id."""
        with self.stage.app.app_context():
            return (
                db.session.scalar(
                    select(func.count())
                    .select_from(TaskGitLabLink)
                    .join(TaskGitLabLink.item)
                    .join(GitLabItem.project)
                    .where(TaskGitLabLink.org_id == self.org.id, GitLabProject.gitlab_id == project)
                )
                or 0
            )

    def rename(self, project: Project) -> float:
        """Rename it in GitLab, have its links refreshed; the seconds until the name is known."""
        path = f"{self.prefix}/renamed"
        self.stage.gitlab.state.projects.rename(project, path)
        self.refresh_all()
        known = select(func.count()).where(
            GitLabProject.org_id == self.org.id, GitLabProject.path == path
        )

        def is_known() -> bool:
            with self.stage.app.app_context():
                return bool(db.session.scalar(known))

        return within(HANGS, is_known)

    def delete_first_task(self) -> float:
        """The seconds it takes to delete a task with its links."""
        started = time.monotonic()
        with self.stage.app.app_context():
            remove_task(self.principal, self.tasks[0])
            db.session.commit()
        return time.monotonic() - started
