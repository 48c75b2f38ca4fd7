"""A claimed batch updates its items in a fixed number of queries."""

from datetime import timedelta

import pytest
from redis import Redis
from sqlalchemy import null

from gitlab_links.clock import utcnow
from gitlab_links.deliveries.claims import claim
from gitlab_links.deliveries.processing import process
from gitlab_links.extensions import db
from gitlab_links.links.models import GitLabItem, GitLabProject
from tests.deliveries.conftest import deliveries
from tests.gitlab import bodies
from tests.statements import statements

BASE_URL = "https://gitlab.example.com"
TTL = 300
PATH = "ships/engine"


@pytest.fixture
def project(factory, org):
    return factory.gitlab_project(org, base_url=BASE_URL, gitlab_id=42, path=PATH)


@pytest.fixture
def item_of(factory):
    """An item that was fetched an hour ago and is not due."""

    def make(project, iid=17, type="issue", **values):
        then = utcnow() - timedelta(hours=1)
        known = {
            "title": "Before",
            "state": "opened",
            "source_updated_at": then.replace(year=2026, month=5, day=1),
            "fetched_at": then,
            "last_synced_at": then,
            "next_sync_at": utcnow() + timedelta(hours=1),
            "refresh_requested_at": null(),  # None would mean the default
        }
        return factory.gitlab_item(project, iid=iid, type=type, **known | values)

    return make


def drain(org):
    """Processes one batch like a run of the job."""
    batch = claim(org.id, utcnow())
    db.session.commit()
    process(org.id, batch, now=utcnow(), ttl=TTL)
    db.session.commit()
    db.session.expire_all()


def fresh(item):
    return db.session.get_one(GitLabItem, item.id, populate_existing=True)


def asked_for(item):
    return fresh(item).refresh_requested_at is not None


def test_a_complete_body_is_applied_and_costs_no_fetch(
    org, project, item_of, receive, redis: Redis, app_context
):
    item = item_of(project)
    receive(bodies.issue())
    redis.flushdb()
    drain(org)
    assert (fresh(item).title, fresh(item).labels[0]["name"]) == ("Pump leaks", "urgent")
    assert fresh(item).next_sync_at > utcnow() + timedelta(seconds=10)  # to be confirmed
    assert redis.keys() == []
    (done,) = deliveries()
    assert (done.status, done.due_at, done.error_code) == ("processed", None, None)
    assert done.processed_at is not None


def test_the_links_of_the_item_are_counted(org, project, item_of, factory, receive, app_context):
    item = item_of(project)
    for _ in range(3):
        factory.link(factory.task(org), item)
    receive(bodies.issue())
    receive(bodies.issue(attributes={"iid": 99}))
    drain(org)
    assert [one.links_matched for one in deliveries()] == [3, 0]


def test_a_merge_request_does_not_touch_the_issue_of_its_number(
    org, project, item_of, receive, app_context
):
    issue, merge_request = item_of(project, 4), item_of(project, 4, "merge_request")
    receive(bodies.merge_request())
    drain(org)
    assert fresh(issue).title == "Before"
    assert fresh(merge_request).title == "Replace the pump"


@pytest.mark.parametrize(
    ("body", "type", "wants_statuses"),
    [
        (bodies.pipeline({"iid": 4, "target_project_id": 42}), "merge_request", True),
        (bodies.note("MergeRequest", merge_request={"iid": 4}), "merge_request", False),
        (bodies.note("Issue", issue={"iid": 4, "title": "New"}), "issue", False),
    ],
)
def test_an_event_that_only_names_an_item_requests_it_and_triggers_a_sync(
    org, project, item_of, receive, redis: Redis, app_context, body, type, wants_statuses
):
    item = item_of(project, 4, type)
    receive(body)
    redis.flushdb()
    drain(org)
    assert asked_for(item) is not wants_statuses
    assert (fresh(item).status_wanted_at is not None) is wants_statuses
    assert redis.llen("rq:queue:fetches") == 1


def test_a_project_without_links_is_skipped(org, project, item_of, receive, app_context):
    item = item_of(project)
    elsewhere = {"id": 43, "path_with_namespace": "ships/hull"}
    receive(bodies.issue(project=elsewhere, attributes={"project_id": 43}))
    drain(org)
    assert [one.status for one in deliveries()] == ["processed"]
    assert fresh(item).title == "Before"


def test_a_project_known_only_by_path_is_fetched_instead_of_trusting_the_body(
    org, factory, item_of, receive, app_context
):
    project = factory.gitlab_project(org, base_url=BASE_URL, gitlab_id=None, path="Ships/Engine")
    item, other = item_of(project), item_of(project, 18)
    receive(bodies.issue())
    drain(org)
    assert (fresh(item).title, asked_for(item), asked_for(other)) == ("Before", True, False)
    known = db.session.get(GitLabProject, project.id)
    assert (known.gitlab_id, known.path) == (None, "Ships/Engine")
    assert [one.doubt for one in deliveries()] == ["unknown_project"]


def test_a_new_path_of_a_known_project_is_fetched_and_not_trusted(
    org, factory, item_of, receive, app_context
):
    project = factory.gitlab_project(org, base_url=BASE_URL, gitlab_id=42, path="ships/old")
    item = item_of(project)
    receive(bodies.issue())
    drain(org)
    assert (fresh(item).title, asked_for(item)) == ("Pump leaks", True)
    assert db.session.get(GitLabProject, project.id).path == "ships/old"


def test_another_project_that_has_taken_the_path_is_not_ours(
    org, factory, item_of, receive, app_context
):
    project = factory.gitlab_project(org, base_url=BASE_URL, gitlab_id=41, path=PATH)
    item = item_of(project)
    receive(bodies.issue())
    drain(org)
    assert fresh(item).title == "Before"


def test_a_project_of_an_instance_the_org_has_left_is_skipped(
    org, factory, item_of, receive, app_context
):
    old = factory.gitlab_project(org, base_url="https://old.example.com", gitlab_id=42, path=PATH)
    item = item_of(old)
    receive(bodies.issue())
    drain(org)
    assert fresh(item).title == "Before"


def test_other_orgs_items_are_left_alone(org, factory, item_of, receive, app_context):
    other = factory.org()
    factory.integration(other)
    item = item_of(factory.gitlab_project(other, base_url=BASE_URL, gitlab_id=42, path=PATH))
    receive(bodies.issue())
    drain(org)
    assert fresh(item).title == "Before"


def test_a_burst_for_one_item_applies_the_newest_and_requests_once(
    org, project, item_of, receive, redis: Redis, app_context
):
    item = item_of(project)
    times = [f"2026-05-28T06:00:{second:02}Z" for second in range(20)]
    for number, moment in enumerate([*times[:10], *reversed(times[10:])]):
        receive(bodies.issue(attributes={"title": f"Title {number}", "updated_at": moment}))
    redis.flushdb()
    drain(org)
    assert fresh(item).title == "Title 10"
    assert asked_for(item)  # one fetch decides about late and older bodies
    assert redis.llen("rq:queue:fetches") == 1


def test_a_body_that_was_deleted_meanwhile_does_not_fail(
    org, project, item_of, receive, app_context
):
    item_of(project)
    receive(bodies.issue())
    db.session.execute(db.text("UPDATE gitlab_webhook_deliveries SET payload = NULL"))
    db.session.commit()
    drain(org)
    assert [one.status for one in deliveries()] == ["processed"]


@pytest.mark.parametrize("count", [1, 100])
def test_a_batch_costs_a_fixed_number_of_queries(
    app, org, factory, item_of, receive, app_context, count
):
    for number in range(count):
        project = factory.gitlab_project(
            org, base_url=BASE_URL, gitlab_id=1000 + number, path=f"ships/engine-{number}"
        )
        factory.link(factory.task(org), item_of(project))
        where = {"id": 1000 + number, "path_with_namespace": f"ships/engine-{number}"}
        receive(bodies.issue(project=where))
    batch = claim(org.id, utcnow())
    db.session.commit()
    with statements(app) as sent:
        process(org.id, batch, now=utcnow(), ttl=TTL)
        db.session.commit()
    # Reads projects, items, link counts, trust, task keys and the links of what has changed;
    # writes items, their search texts, events, deliveries, projects and counts.
    assert len(sent) <= 12, sent
