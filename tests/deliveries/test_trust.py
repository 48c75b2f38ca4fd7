"""The trust in bodies by a hook's own secret, by the shared secret, and of other instances."""

from datetime import UTC, datetime, timedelta

import pytest

from gitlab_links.clock import utcnow
from gitlab_links.deliveries.contradictions import mark_contradicted
from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemState, ItemType
from gitlab_links.gitlab.snapshot import Snapshot
from gitlab_links.integrations.changes import find_integration
from gitlab_links.links.items import locked_item
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.observations.hook_secrets import make_hook_secret
from gitlab_links.observations.webhook_tallies import tallies_by_org
from gitlab_links.sync.answers import Contradiction
from gitlab_links.sync.applying import apply_fetched
from tests.deliveries.conftest import deliveries, delivery
from tests.deliveries.test_processing import BASE_URL, PATH, TTL, asked_for, drain, fresh
from tests.gitlab import bodies

VICTIM = {"id": 42, "path_with_namespace": PATH}
STAGING = {"X-Gitlab-Instance": "https://staging.example.com"}


@pytest.fixture
def project(factory, org):
    return factory.gitlab_project(org, base_url=BASE_URL, gitlab_id=42, path=PATH)


@pytest.fixture
def receive(receive):
    """SQLite allows no other writer while the test's session has a transaction."""

    def take(*body, **headers):
        db.session.rollback()
        return receive(*body, **headers)

    return take


@pytest.fixture
def own_secret(app, org):
    """Creates the secret of one project's hook, like *Create*; returns its header."""

    def make(project):
        db.session.rollback()
        with app.app_context():
            _, secret = make_hook_secret(find_integration(org.id), project.id)
            db.session.commit()
        return {"X-Gitlab-Token": secret}

    return make


def answer(project, iid, **values):
    """The answer of GitLab's API about an issue."""
    before = {
        "title": "Before",
        "state": ItemState.OPENED,
        "draft": False,
        "confidential": False,
        "labels": (),
        "assignees": (),
        "reviewers": (),
        "author": None,
        "milestone_id": None,
        "milestone": None,
        "due_date": None,
        "merge_status": None,
        "pipeline_status": None,
        "moved_to_id": None,
        "updated_at": datetime(2026, 5, 1, tzinfo=UTC),
        "closed_at": None,
        "merged_at": None,
    }
    return Snapshot(ItemType.ISSUE, iid, project.gitlab_id, project.path, **before | values)


@pytest.fixture
def item_of(app, org):
    """An item that was fetched an hour ago."""

    def make(project, iid=17, **fields):
        then = utcnow() - timedelta(hours=1)
        with app.app_context():
            item = locked_item(org.id, project.id, ItemType.ISSUE, iid)
            apply_fetched(item, answer(project, iid, **fields), started_at=then, now=then, ttl=3600)
            db.session.commit()
            db.session.refresh(item)
            db.session.expunge(item)
        return item

    return make


def effects():
    return [(one.effect, one.doubt) for one in deliveries()]


def test_events_by_a_hooks_own_secret_are_proven_and_cost_no_fetch(
    org, project, item_of, own_secret, receive, app_context
):
    item = item_of(project)
    receive(bodies.issue(), **own_secret(project))
    drain(org)
    assert (fresh(item).title, asked_for(item)) == ("Pump leaks", False)
    (done,) = deliveries()
    assert (done.proof, done.hook_project_id) == ("hook", project.id)
    assert (done.effect, done.doubt) == ("applied", None)


def test_a_hooks_own_secret_does_not_prove_events_of_another_project(
    org, factory, project, item_of, own_secret, receive, app_context
):
    item, other = item_of(project), item_of(project, 18)
    attackers = factory.gitlab_project(org, base_url=BASE_URL, gitlab_id=7, path="mine/app")
    receive(bodies.issue(project=VICTIM), **own_secret(attackers))
    drain(org)
    assert (fresh(item).title, asked_for(item), asked_for(other)) == ("Before", True, False)
    assert effects() == [("fetched", "other_project")]


def test_a_body_with_the_path_of_another_project_changes_none_of_its_links(
    org, factory, item_of, own_secret, receive, app_context
):
    victim = factory.gitlab_project(org, base_url=BASE_URL, gitlab_id=None, path="victim/app")
    attackers = factory.gitlab_project(org, base_url=BASE_URL, gitlab_id=7, path="mine/app")
    items = [item_of(victim, iid) for iid in (1, 2, 3)]
    claim = {"id": 7, "path_with_namespace": "victim/app"}
    by_path_alone = {"path_with_namespace": "victim/app"}
    for named, project_id, headers in (
        (claim, 7, {}),
        (by_path_alone, None, {}),
        (claim, 7, own_secret(attackers)),
    ):
        receive(
            bodies.issue(project=named, attributes={"iid": 1, "project_id": project_id}),
            **headers,
        )
        drain(org)
    known = db.session.get(GitLabProject, victim.id)
    assert (known.gitlab_id, known.path_key) == (None, "victim/app")
    assert [fresh(item).title for item in items] == ["Before"] * 3
    assert {fresh(item).project_id for item in items} == {victim.id}
    assert [asked_for(item) for item in items] == [True, False, False]
    assert effects() == [("fetched", "unknown_project")] * 2 + [("fetched", "other_project")]


def test_by_the_shared_secret_a_body_is_applied_at_once_and_confirmed_within_a_minute(
    org, project, item_of, receive, app_context
):
    item = item_of(project)
    receive(bodies.issue())
    drain(org)
    found = fresh(item)
    assert found.title == "Pump leaks"
    assert utcnow() < found.refresh_requested_at == found.next_sync_at
    assert found.next_sync_at < utcnow() + timedelta(seconds=55)
    assert effects() == [("applied", None)]


@pytest.mark.parametrize("own", [True, False])
def test_no_body_shows_a_confidential_item(
    org, project, item_of, own_secret, receive, app_context, own
):
    item = item_of(project, confidential=True)
    receive(bodies.issue(), **(own_secret(project) if own else {}))
    drain(org)
    assert (fresh(item).confidential, asked_for(item)) == (True, True)
    assert fresh(item).refresh_requested_at <= utcnow()
    assert effects() == [("applied_and_fetched", None)]


def test_a_body_that_makes_an_item_confidential_hides_it_at_once(
    org, project, item_of, receive, app_context
):
    item = item_of(project)
    receive(bodies.issue(attributes={"confidential": True}))
    drain(org)
    assert fresh(item).confidential is True


def test_no_body_moves_an_item(org, project, item_of, own_secret, receive, app_context):
    item = item_of(project)
    receive(bodies.issue(attributes={"moved_to_id": 99}), **own_secret(project))
    drain(org)
    assert (fresh(item).moved_to_id, asked_for(item)) == (None, True)


def test_an_event_of_another_instance_causes_a_fetch_and_is_counted(
    org, project, item_of, own_secret, receive, app_context
):
    item = item_of(project)
    receive(bodies.issue(attributes={"state": "closed"}), **own_secret(project), **STAGING)
    drain(org)
    assert (fresh(item).state, asked_for(item)) == ("opened", True)
    (done,) = deliveries()
    assert (done.effect, done.doubt) == ("fetched", "other_instance")
    (tally,) = tallies_by_org([org.id], utcnow())[org.id]
    assert (tally.kind, tally.count) == ("other_instance", 1)
    assert tally.detail == {"instance": STAGING["X-Gitlab-Instance"], "delivery_id": str(done.id)}


@pytest.mark.parametrize(
    ("instance", "doubt"),
    [
        (BASE_URL, None),
        (f"{BASE_URL}:443/gitlab", None),
        (BASE_URL.upper().replace("HTTPS", "https"), None),
        (f"{BASE_URL}:8443", "other_instance"),
        (BASE_URL.replace("https", "http"), "other_instance"),
        ("not an address", "other_instance"),
        ("", "other_instance"),
    ],
)
@pytest.mark.only_on("sqlite")
def test_an_instance_is_known_by_its_origin(
    org, project, item_of, receive, app_context, instance, doubt
):
    item_of(project)
    receive(bodies.issue(), **{"X-Gitlab-Instance": instance})
    drain(org)
    assert [one.doubt for one in deliveries()] == [doubt]


def contradicted(org, project, item, clock):
    """Applies a contradicting answer of GitLab's API, a minute after a delivery."""
    now = clock.advance(60)
    found = locked_item(org.id, project.id, item.type, item.iid)
    contradicting = answer(project, item.iid)
    since = apply_fetched(found, contradicting, started_at=now, now=now, ttl=TTL)
    marked = mark_contradicted(org.id, [Contradiction(item.id, since)], now)
    db.session.commit()
    clock.advance(1)
    return marked


def test_after_a_contradiction_the_shared_secret_only_causes_fetches(
    org, factory, project, item_of, receive, app_context, clock
):
    item = item_of(project)
    elsewhere = factory.gitlab_project(org, base_url=BASE_URL, gitlab_id=8, path="ships/hull")
    other = item_of(elsewhere)
    accepted = receive(bodies.issue())
    drain(org)
    assert contradicted(org, project, item, clock) == [accepted.delivery_id]
    assert delivery(accepted.delivery_id).doubt == "contradicted"

    later = {"title": "Forged", "updated_at": "2026-06-01T00:00:00Z"}
    receive(bodies.issue(attributes=later))
    clock.advance(1)
    receive(
        bodies.issue(
            project={"id": 8, "path_with_namespace": "ships/hull"}, attributes={"project_id": 8}
        )
    )
    drain(org)
    assert (fresh(item).title, asked_for(item)) == ("Before", True)
    assert fresh(other).title == "Pump leaks"
    assert effects()[1:] == [("fetched", "distrusted"), ("applied", None)]


def test_a_new_shared_secret_is_trusted_again_and_so_is_a_hook_with_its_own(
    org, factory, project, item_of, own_secret, receive, app_context, clock
):
    item = item_of(project)
    receive(bodies.issue())
    drain(org)
    contradicted(org, project, item, clock)
    receive(
        bodies.issue(attributes={"title": "Own", "updated_at": "2026-06-01T00:00:00Z"}),
        **own_secret(project),
    )
    drain(org)
    assert fresh(item).title == "Own"
    db.session.rollback()
    factory.connect(org, webhook_secret="the-new-one-of-the-hooks")
    receive(
        bodies.issue(attributes={"title": "New", "updated_at": "2026-06-02T00:00:00Z"}),
        **{"X-Gitlab-Token": "the-new-one-of-the-hooks"},
    )
    drain(org)
    assert fresh(item).title == "New"


def test_a_contradiction_marks_nothing_that_a_hooks_own_secret_has_proven(
    org, project, item_of, own_secret, receive, app_context, clock
):
    item = item_of(project)
    receive(bodies.issue(), **own_secret(project))
    drain(org)
    assert contradicted(org, project, item, clock) == []
    assert tallies_by_org([org.id], utcnow())[org.id] == []


def test_a_delivery_shows_what_it_changed(org, project, item_of, receive, app_context):
    item = item_of(project)
    receive(bodies.issue(attributes={"state": "closed", "closed_at": "2026-05-28T05:58:40Z"}))
    drain(org)
    (done,) = deliveries()
    assert done.item_id == item.id
    assert done.changes["state"] == ["opened", "closed"]
    assert done.changes["title"] == ["Before", "Pump leaks"]
    assert done.changes["labels"] == [[], ["urgent"]]
    assert "assignees" not in done.changes


def test_one_event_requests_one_item_at_most(org, factory, project, item_of, receive, app_context):
    """Also not for items of a project whose path the body has."""
    mine = factory.gitlab_project(org, base_url=BASE_URL, gitlab_id=7, path="mine/app")
    items = [item_of(project, iid) for iid in range(1, 6)] + [item_of(mine, 17)]
    receive(
        bodies.issue(project={"id": 7, "path_with_namespace": PATH}, attributes={"project_id": 7})
    )
    drain(org)
    now = utcnow()
    asked = [one for one in items if asked_for(one) and fresh(one).refresh_requested_at <= now]
    assert [one.id for one in asked] == [items[-1].id]
    assert db.session.get(GitLabProject, project.id).path_key == PATH
    assert db.session.get_one(GitLabItem, items[0].id).project_id == project.id
