"""One call to GitLab for up to a hundred items of a project and type, and not one more."""

from datetime import timedelta

import pytest

from gitlab_links.clock import utcnow
from gitlab_links.demo.gitlab.bulk import Bulk, create_bulk
from gitlab_links.extensions import db
from gitlab_links.jobs.fetches import fetch_slice
from gitlab_links.links.models import GitLabItem
from tests.conftest import GITLAB_TOKEN

pytestmark = pytest.mark.differs_by_database


@pytest.mark.parametrize(
    ("projects", "issues", "calls"),
    [(1, 100, 1), pytest.param(1, 120, 2, marks=pytest.mark.slow), (5, 30, 5)],
)
def test_a_scheduled_refresh_makes_as_few_calls_as_there_can_be(
    app, factory, gitlab, projects, issues, calls
):
    made = create_bulk(gitlab.state, Bulk(projects=projects, issues=issues))
    org = factory.org()
    factory.connect(org, base_url=gitlab.url, token=GITLAB_TOKEN)
    late = utcnow() - timedelta(days=1)
    rows = [
        factory.gitlab_project(
            org, base_url=gitlab.url, gitlab_id=project.id, path=project.path_with_namespace
        )
        for project in made
    ]
    with app.app_context():
        for project in rows:
            db.session.add_all(
                GitLabItem(
                    org_id=org.id,
                    project_id=project.id,
                    type="issue",
                    iid=iid,
                    next_sync_at=late + timedelta(seconds=iid),
                )
                for iid in range(1, issues + 1)
            )
        db.session.flush()
        db.session.execute(db.update(GitLabItem).values(refresh_requested_at=None))
        db.session.commit()
        gitlab.state.calls.reset()
        fetch_slice(org.id)
        missing = db.session.scalar(
            db.select(db.func.count()).where(GitLabItem.last_synced_at.is_(None))
        )
    assert missing == 0
    assert gitlab.state.calls.total("/issues") == calls
