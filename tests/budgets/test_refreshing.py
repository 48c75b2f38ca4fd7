"""Two thousand stale items, of which two hundred have changed, take at most ten calls."""

import pytest
from sqlalchemy import func, select

from gitlab_links.demo.gitlab.bulk import Bulk, create_bulk
from gitlab_links.extensions import db
from gitlab_links.jobs.fetches import fetch_slice
from gitlab_links.links.models import GitLabItem
from tests.conftest import GITLAB_TOKEN
from tests.jobs.conftest import Connected

PROJECTS, ISSUES, CHANGED = 20, 100, 10


@pytest.mark.slow
def test_what_did_not_change_costs_no_call(app_context, factory, gitlab, redis, clock):
    org = factory.org()
    factory.connect(org, base_url=gitlab.url, token=GITLAB_TOKEN)
    made = create_bulk(gitlab.state, Bulk(projects=PROJECTS, issues=ISSUES))
    for project in made:
        row = factory.gitlab_project(
            org, base_url=gitlab.url, gitlab_id=project.id, path=project.path_with_namespace
        )
        db.session.add_all(
            GitLabItem(org_id=org.id, project_id=row.id, type="issue", iid=iid)
            for iid in range(1, ISSUES + 1)
        )
    db.session.commit()
    connected = Connected(org, factory.principal(org), factory, gitlab)
    for _ in range(4):
        connected.fetch()
        clock.advance(280)
    for project in made:
        for iid in range(1, CHANGED + 1):
            gitlab.state.items.edit(project.issues[iid], title="Changed", notify=False)
    clock.advance(600)
    gitlab.state.calls.reset()
    fetch_slice(org.id)
    fetch_slice(org.id)
    assert gitlab.state.calls.total() <= 10
    stale = select(func.count()).where(GitLabItem.last_synced_at < clock.current)
    assert db.session.scalar(stale) == 0
    changed = select(func.count()).where(GitLabItem.title == "Changed")
    assert db.session.scalar(changed) == PROJECTS * CHANGED
