"""An answer that cannot be stored fails alone: other items, of its project and others, follow."""

import pytest

from gitlab_links.clock import utcnow
from gitlab_links.links.freshness import SyncStatus
from gitlab_links.sync import applying

BAD = "Paper tears"


@pytest.fixture
def links(connected, clock):
    """Of the bad item, one of its project, and one of another project; all were fetched."""
    project, other = connected.project(), connected.project("acme/other")
    issues = [connected.issue(project), connected.issue(project), connected.issue(other)]
    links = connected.link_all(issues)
    connected.fetch()
    for issue, title in zip(issues, (BAD, "Beside it", "Elsewhere"), strict=True):
        connected.gitlab.state.items.edit(issue, title=title, notify=False)
    return links


@pytest.fixture
def fault(monkeypatch):
    """A fault of this service that one title brings out."""
    real = applying.fill

    def fill(item, snapshot, *rest, **given):
        if snapshot.title == BAD:
            raise ValueError("an odd value")
        return real(item, snapshot, *rest, **given)

    monkeypatch.setattr(applying, "fill", fill)


@pytest.mark.differs_by_database
def test_an_item_that_cannot_be_stored_is_charged_alone(connected, links, fault, clock):
    clock.advance(60)
    connected.make_due()
    before = connected.calls()
    connected.fetch()
    assert connected.calls() == before + 2
    bad, beside, elsewhere = map(connected.view, links)
    assert (beside.title, elsewhere.title) == ("Beside it", "Elsewhere")
    assert {beside.sync.status, elsewhere.sync.status} == {SyncStatus.OK}
    assert (bad.title, bad.sync.error_code) == ("Paper jams", "internal_error")
    assert bad.sync.next_sync_at > utcnow()
    assert (connected.integration().error_code, connected.integration().paused_until) == (
        None,
        None,
    )
    connected.fetch()
    assert connected.calls() == before + 2


def test_a_list_with_such_an_item_keeps_no_other_list_back(connected, links, fault, clock):
    for _ in range(4):
        clock.advance(240)
        connected.fetch()
    bad, beside, elsewhere = map(connected.view, links)
    assert (beside.title, elsewhere.title) == ("Beside it", "Elsewhere")
    assert (bad.title, bad.sync.error_code) == ("Paper jams", "internal_error")

    items, projects = connected.gitlab.state.items, connected.gitlab.state.projects
    bad_one = items.find(projects.get("acme/press"), "issue", 1)
    items.edit(bad_one, title="Mended", notify=False)
    clock.advance(3600)
    connected.fetch()
    assert connected.view(links[0]).title == "Mended"
