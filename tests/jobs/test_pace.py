"""How often GitLab is asked for an item: as its state and the rate limit allow."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.links.freshness import SyncStatus, request_refresh
from gitlab_links.links.link_filters import LinkFilter
from gitlab_links.links.models import GitLabItem
from gitlab_links.links.queries import links_page


@pytest.fixture
def issues(connected):
    """Three issues of one project; all are linked and have been fetched."""
    project = connected.project()
    issues = [connected.issue(project, f"Leak {number}") for number in (1, 2, 3)]
    for issue in issues:
        connected.link(issue)
    connected.fetch()
    return issues


def test_a_closed_item_is_fresh_for_a_day_and_an_open_one_for_the_ttl(connected, issues, clock):
    connected.gitlab.state.items.close(issues[0])
    connected.make_due()
    connected.fetch()
    clock.advance(301)
    shown = {view.state: view.sync.status for view in links_page(connected.org.id, LinkFilter())}
    stale = links_page(connected.org.id, LinkFilter(sync_status=SyncStatus.STALE))
    fresh = links_page(connected.org.id, LinkFilter(sync_status=SyncStatus.OK))
    assert shown == {"closed": "ok", "opened": "stale"}
    assert ({view.state for view in stale}, {view.state for view in fresh}) == (
        {"opened"},
        {"closed"},
    )


def test_beyond_its_share_only_what_was_asked_for_is_fetched(connected, issues, clock):
    calls = connected.gitlab.state.calls
    clock.advance(65 - utcnow().timestamp() % 60)  # early in a minute, which GitLab counts by
    calls.limit = 4
    while connected.integration().rate_limit_remaining > 1:
        request_refresh(db.session.scalars(select(GitLabItem).limit(1)).one(), utcnow())
        db.session.commit()
        connected.fetch()
    calls.reset()
    connected.make_due()
    connected.fetch()
    assert calls.total("/issues") == 0
    due = db.session.scalars(select(GitLabItem.next_sync_at)).all()
    assert min(due) > utcnow() + timedelta(seconds=40), "not in a circle"
    request_refresh(db.session.scalars(select(GitLabItem).limit(1)).one(), utcnow())
    db.session.commit()
    connected.fetch()
    assert calls.total("/issues") == 1
