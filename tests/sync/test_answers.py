"""How a round of answers changes items, projects and the connection."""

from datetime import timedelta

import pytest

from gitlab_links.extensions import db
from gitlab_links.gitlab.answers import GitLabFailure, RateLimit
from gitlab_links.gitlab.items import ItemState, ItemType
from gitlab_links.gitlab.snapshot import Snapshot
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.sync.answers import record
from gitlab_links.sync.due_items import Batch, DueItem
from gitlab_links.sync.fetching import Answer, Round
from gitlab_links.sync.pausing import ConnectionState
from tests.sync.conftest import NOON, at

pytestmark = pytest.mark.differs_by_database

TOKEN = "not decrypted here"
TTL = 300


@pytest.fixture
def project(factory, org):
    return factory.gitlab_project(org, gitlab_id=7, path="acme/press")


def answer(project, ids, snapshots=(), failure=None, started_at=NOON, rate_limit=None):
    """The answer for items 1, 2, ... of the project, whose rows are ``ids``."""
    due = tuple(DueItem(row, iid, wants_detail=False) for iid, row in enumerate(ids, start=1))
    batch = Batch(project.id, project.gitlab_id, project.path, ItemType.ISSUE, due)
    by_iid = {snapshot.iid: snapshot for snapshot in snapshots}
    return Answer(batch, started_at, by_iid, failure and GitLabFailure(failure, ""), rate_limit)


def seen(iid, path="acme/press", **values):
    facts = {"title": f"Title {iid}", "state": ItemState.OPENED, "updated_at": at(-60)}
    return Snapshot(ItemType.ISSUE, iid, 7, path, **facts | values)


NOT_ASKED = object()


def write(org, *answers, token=TOKEN, before=None, account=NOT_ASKED):
    """``account`` is the code of the account check's failure, None if GitLab answered."""
    failure = GitLabFailure(account, "") if isinstance(account, str) else None
    asked = Round(answers, account is not NOT_ASKED, failure)
    record(
        org.id, asked, token_ciphertext=token, before=before or ConnectionState(), now=NOON, ttl=TTL
    )
    db.session.commit()
    db.session.expire_all()


def found(ids):
    return [db.session.get(GitLabItem, row, populate_existing=True) for row in ids]


def connection(org):
    return db.session.query(OrgGitLabIntegration).filter_by(org_id=org.id).one()


def test_each_item_gets_its_snapshot_and_the_missing_ones_are_not_found(
    org, integration, project, items, app_context
):
    ids = items(project, [1, 2, 3])
    write(org, answer(project, ids, [seen(1), seen(3)]))
    assert [(item.title, item.error_code) for item in found(ids)] == [
        ("Title 1", None),
        (None, "not_found"),
        ("Title 3", None),
    ]
    assert found(ids)[1].next_sync_at <= NOON + timedelta(seconds=5)


@pytest.mark.parametrize("code", ["not_found", "http_403", "http_409", "http_200", "http_302"])
def test_a_refused_project_marks_its_items_and_not_the_connection(
    org, integration, project, items, app_context, code
):
    ids = items(project, [1, 2])
    write(org, answer(project, ids, failure=code), account=None)
    assert [item.error_code for item in found(ids)] == [code, code]
    assert all(at(3) < item.next_sync_at <= at(5) for item in found(ids))
    assert (connection(org).error_code, connection(org).failures) == (None, 0)


@pytest.mark.parametrize("code", ["rate_limited", "auth_error", "insufficient_scope"])
def test_a_failure_of_all_calls_marks_the_connection_and_leaves_items_due(
    org, integration, project, items, app_context, code
):
    ids = items(project, [1], refresh_requested_at=at(-5), next_sync_at=at(-5))
    write(org, answer(project, ids, failure=code), account=code)
    (item,) = found(ids)
    assert (item.error_code, item.failures) == (None, 0)
    assert item.next_sync_at == item.refresh_requested_at == at(-5)
    assert connection(org).error_code == code
    assert connection(org).paused_until > NOON


def test_trouble_marks_the_items_and_counts_for_the_connection(
    org, integration, project, items, app_context
):
    ids = items(project, [1])
    write(org, answer(project, ids, failure="http_502"), account="http_502")
    assert [item.error_code for item in found(ids)] == ["http_502"]
    assert (connection(org).failures, connection(org).error_code) == (1, None)


def test_when_gitlab_is_back_what_failed_meanwhile_is_due_at_once(
    org, factory, project, items, app_context
):
    factory.integration(org, token_ciphertext=TOKEN, failures=3, error_code="network_error")
    later = {"next_sync_at": at(3000), "failures": 9}
    down = items(project, [2], error_code="network_error", **later)
    down += items(project, [3], error_code="http_503", **later)
    refused = items(project, [4], error_code="http_403", **later)
    ids = items(project, [1])
    gone = items(project, [5], error_code="not_found", **later)
    write(org, answer(project, ids, [seen(1)]), before=ConnectionState(failed=True, stopped=True))
    revived = found([*down, *refused])
    assert [(item.next_sync_at, item.failures) for item in revived] == [(NOON, 0)] * 3
    assert found(gone)[0].next_sync_at == at(3000)
    assert (connection(org).failures, connection(org).error_code) == (0, None)


def test_one_answer_among_failures_shows_that_gitlab_works(
    org, integration, project, items, app_context
):
    one, two = items(project, [1, 2])
    good, bad = answer(project, [one], [seen(1)]), answer(project, [two], failure="network_error")
    write(org, bad, good)
    assert (connection(org).failures, connection(org).last_synced_at) == (0, NOON)
    assert found([two])[0].error_code == "network_error"


def test_a_token_that_another_call_of_the_round_was_made_with_is_not_refused(
    org, integration, project, items, app_context
):
    one, two = items(project, [1, 2])
    write(org, answer(project, [one], failure="auth_error"), answer(project, [two], [seen(1)]))
    assert (connection(org).error_code, connection(org).paused_until) == (None, None)
    assert found([one])[0].error_code == "http_401"


def test_if_no_project_can_be_read_the_connection_is_marked_without_a_pause(
    org, factory, integration, project, items, app_context
):
    """GitLab answers about the account; a new link into another project may fare better."""
    other = factory.gitlab_project(org, gitlab_id=8, path="acme/other")
    one, two = items(project, [1]) + items(other, [1])
    write(org, answer(project, [one], failure="http_500"), account=None)
    assert connection(org).error_code is None
    write(org, answer(other, [two], failure="http_500"), account=None)
    assert (connection(org).error_code, connection(org).paused_until) == ("http_500", None)
    write(org, answer(other, [two], [seen(1, path="acme/other")]))
    assert connection(org).error_code is None


def test_a_failure_of_an_old_token_does_not_stop_the_new_one(
    org, integration, project, items, app_context
):
    ids = items(project, [1])
    write(
        org,
        answer(project, ids, failure="auth_error"),
        token="the one before",
        account="auth_error",
    )
    assert (connection(org).error_code, connection(org).paused_until) == (None, None)


def test_a_rename_is_learned_from_the_answer(org, integration, project, items, app_context):
    ids = items(project, [1])
    write(org, answer(project, ids, [seen(1, path="beta/press")]))
    assert db.session.get(GitLabProject, project.id).path == "beta/press"


def test_the_rate_limit_is_stored(org, integration, project, items, app_context):
    ids = items(project, [1])
    write(org, answer(project, ids, [seen(1)], rate_limit=RateLimit(2000, 1999, at(30))))
    stored = connection(org)
    assert (stored.rate_limit, stored.rate_limit_remaining, stored.rate_limit_reset_at) == (
        2000,
        1999,
        at(30),
    )


def test_an_item_or_project_or_connection_that_is_gone_is_skipped(org, project, items, app_context):
    ids = items(project, [1])
    asked = answer(project, ids, [seen(1)])
    db.session.delete(db.session.get(GitLabItem, ids[0]))
    db.session.delete(db.session.get(GitLabProject, project.id))
    db.session.commit()
    write(org, asked)
    assert db.session.query(GitLabItem).count() == 0


def test_what_was_changed_by_another_process_meanwhile_is_seen(
    org, integration, project, items, app_context
):
    """The item was read before in this session, and a webhook was applied to it since."""
    ids = items(project, [1])
    stale = found(ids)
    db.session.rollback()
    with db.engine.begin() as other:
        other.execute(
            GitLabItem.__table__.update().values(
                title="Told", source_updated_at=at(-1), told_at=at(-1)
            )
        )
    asked = Round([answer(project, ids, [seen(1)])])
    record(org.id, asked, token_ciphertext=TOKEN, before=ConnectionState(), now=NOON, ttl=TTL)
    db.session.commit()
    assert [item.title for item in stale] == ["Told"]
    assert [item.title for item in found(ids)] == ["Told"]
