"""Five thousand merge requests in fifty projects: how many calls, and nothing lost by a kill."""

import pytest

from gitlab_links.accounts.roles import Role
from gitlab_links.backfills import changes
from gitlab_links.backfills.models import Backfill
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.links.models import GitLabProject, TaskGitLabLink
from tests.backfills.test_backfills import run, view

PROJECTS, TASKS = 50, 200
# Of each project: issues and merge requests by one key, and the open merge requests.
LISTS = 3 * PROJECTS


@pytest.mark.slow
def test_five_thousand_merge_requests_in_fifty_projects(mentioning, key, dialect):
    # A fifth of them on PostgreSQL, which proves the same.
    per_project = 100 if dialect == "sqlite" else 20
    admin = mentioning.connected.factory.principal(mentioning.org, Role.ADMIN)
    for number in range(10_001, 10_001 + TASKS):
        mentioning.task(number)
    for row in range(PROJECTS):
        project = mentioning.connected.project(f"acme/p{row}")
        known = {"org_id": mentioning.org.id, "base_url": mentioning.connected.gitlab.url}
        path = project.path_with_namespace
        db.session.add(GitLabProject(**known, gitlab_id=project.id, path=path, path_key=path))
        for number in range(per_project):
            task = 10_001 + (row * per_project + number) % TASKS
            item = mentioning.connected.merge_request(
                project, f"Change {number}", description=f"Closes {key(task)}", notify=False
            )
            if number % 10:
                mentioning.gitlab.items.merge(item)
    db.session.commit()
    mentioning.gitlab.calls.reset()
    backfill_id = changes.start(admin).id
    db.session.commit()
    run(mentioning)
    calls = mentioning.connected.calls()
    shown = view(mentioning, backfill_id)
    assert (shown.items, shown.tasks) == (PROJECTS * per_project, TASKS)
    assert calls == LISTS
    changes.link_found(admin, backfill_id)
    db.session.commit()
    changes.take(mentioning.org.id, utcnow())  # a worker that is killed with its lease
    db.session.commit()
    db.session.execute(db.update(Backfill).values(due_at=utcnow()))
    db.session.commit()
    run(mentioning)
    links = db.session.scalar(db.select(db.func.count()).select_from(TaskGitLabLink))
    db.session.rollback()
    assert (links, mentioning.connected.calls()) == (PROJECTS * per_project, 2 * LISTS)
