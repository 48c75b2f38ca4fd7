"""The next batches: each of one project and type, requested items first."""

from datetime import timedelta

import pytest

from gitlab_links.extensions import db
from gitlab_links.links.models import GitLabItem
from gitlab_links.sync import due_items
from tests.statements import statements
from tests.sync.conftest import BASE_URL, NOON, at

pytestmark = pytest.mark.differs_by_database

TTL = 300


def batches(org, *, limit=4, now=NOON):
    found = due_items.next_batches(org.id, BASE_URL, now=now, ttl=TTL, limit=limit)
    db.session.commit()
    return found


def orgs_due(now):
    return db.session.scalars(due_items.orgs_due(now)).all()


def iids(batch):
    return [item.iid for item in batch.items]


def test_a_batch_holds_items_of_one_project_and_type(org, factory, items, app_context):
    press, tools = factory.gitlab_project(org), factory.gitlab_project(org)
    items(press, range(1, 4))
    items(press, range(1, 3), type="merge_request")
    items(tools, range(1, 6))
    found = batches(org)
    assert sorted((b.project, b.type.value, len(b.items)) for b in found) == sorted(
        [
            (press.gitlab_id, "issue", 3),
            (press.gitlab_id, "merge_request", 2),
            (tools.gitlab_id, "issue", 5),
        ]
    )


def test_a_batch_holds_at_most_100_items(org, factory, items, app_context):
    items(factory.gitlab_project(org), range(1, 251))
    assert [len(batch.items) for batch in batches(org)] == [100, 100, 50]


def test_no_more_batches_than_asked_for(org, factory, items, app_context):
    for _ in range(5):
        items(factory.gitlab_project(org), [1])
    assert len(batches(org, limit=1)) == 1
    assert len(batches(org, limit=4)) == 4


def test_a_project_whose_id_is_unknown_is_fetched_by_path(org, factory, items, app_context):
    items(factory.gitlab_project(org, gitlab_id=None, path="Acme/Press"), [7])
    assert [batch.project for batch in batches(org)] == ["Acme/Press"]


def test_requested_items_go_before_late_ones(org, factory, items, app_context):
    late, asked = factory.gitlab_project(org), factory.gitlab_project(org)
    items(late, [1], next_sync_at=at(-9999))
    items(asked, [2], refresh_requested_at=NOON)
    assert [batch.project for batch in batches(org)] == [asked.gitlab_id, late.gitlab_id]
    assert [batch.project for batch in batches(org, limit=1)] == [asked.gitlab_id]


def test_a_request_for_later_waits(org, factory, items, app_context):
    items(factory.gitlab_project(org), [1], refresh_requested_at=at(3), next_sync_at=at(3))
    assert batches(org) == []
    assert not due_items.has_due(org.id, NOON)
    assert [iids(batch) for batch in batches(org, now=at(3))] == [[1]]


def test_a_scheduled_batch_includes_items_that_are_due_soon(org, factory, items, app_context):
    project, other = factory.gitlab_project(org), factory.gitlab_project(org)
    items(project, [1])
    items(project, [2], next_sync_at=at(TTL * 0.49))
    items(project, [3], next_sync_at=at(TTL * 0.51))
    items(project, [4], type="merge_request", next_sync_at=at(60))
    items(other, [5], next_sync_at=at(60))
    assert [iids(batch) for batch in batches(org)] == [[1, 2]]


def test_nothing_is_fetched_for_what_is_merely_due_soon(org, factory, items, app_context):
    items(factory.gitlab_project(org), [1], next_sync_at=at(1))
    assert batches(org) == []


def test_items_that_want_detail_say_so(org, factory, items, app_context):
    project = factory.gitlab_project(org)
    items(project, [1], type="merge_request", detail_wanted=True)
    items(project, [2], type="merge_request")
    (batch,) = batches(org)
    assert {item.iid: item.wants_detail for item in batch.items} == {1: True, 2: False}


def test_items_of_an_instance_the_org_has_left_are_parked(org, factory, items, app_context):
    old = factory.gitlab_project(org, base_url="https://old.example.com")
    (item_id,) = items(old, [1], refresh_requested_at=NOON)
    items(factory.gitlab_project(org), [2])
    assert [iids(batch) for batch in batches(org)] == [[2]]
    due_items.park_foreign(org.id, BASE_URL, NOON)
    parked = db.session.get(GitLabItem, item_id)
    assert (parked.next_sync_at, parked.refresh_requested_at) == (NOON + timedelta(hours=1), None)


def test_other_orgs_items_are_left_alone(org, factory, items, app_context):
    items(factory.gitlab_project(factory.org()), [1])
    assert batches(org) == []


def test_2000_stale_items_of_20_projects_are_20_batches(org, factory, items, app_context):
    for _ in range(20):
        items(factory.gitlab_project(org), range(1, 101))
    calls = 0
    while found := batches(org):
        calls += len(found)
        done = [item.id for batch in found for item in batch.items]
        db.session.execute(
            GitLabItem.__table__.update().where(GitLabItem.id.in_(done)).values(next_sync_at=at(99))
        )
        db.session.commit()
    assert calls == 20


@pytest.mark.parametrize("count", [1, 400])
def test_planning_costs_a_fixed_number_of_statements(app, org, factory, items, app_context, count):
    for _ in range(4):
        items(factory.gitlab_project(org), range(1, count + 1))
    with statements(app) as sent:
        assert len(batches(org)) == 4
    # Requested items, due items, and items that each batch adds.
    assert len(sent) <= 2 + 4


def test_orgs_with_due_items_are_found(org, factory, items, integration, app_context):
    items(factory.gitlab_project(org), [1], next_sync_at=at(1))
    assert orgs_due(NOON) == []
    assert orgs_due(at(1)) == [org.id]


@pytest.mark.parametrize(
    "state",
    [
        {"token_ciphertext": None},
        {"base_url": None},
        {"paused_until": at(10)},
        {"error_code": "auth_error", "paused_until": at(10)},
        {"sync_leased_until": at(10)},
    ],
)
def test_an_org_that_may_not_call_or_is_being_fetched_is_not_due(
    org, factory, items, app_context, state
):
    values = {"base_url": BASE_URL, "token_ciphertext": "not decrypted here"}
    factory.integration(org, **values | state)
    items(factory.gitlab_project(org), [1])
    assert orgs_due(NOON) == []


def test_an_org_is_due_again_when_its_pause_or_lease_is_over(org, factory, items, app_context):
    factory.integration(
        org,
        base_url=BASE_URL,
        token_ciphertext="not decrypted here",
        paused_until=at(10),
        error_code="rate_limited",
        sync_leased_until=at(5),
    )
    items(factory.gitlab_project(org), [1])
    assert orgs_due(at(9)) == []
    assert orgs_due(at(10)) == [org.id]
