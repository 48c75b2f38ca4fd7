"""Fetching against a GitLab that speaks HTTP: links follow their items, calls are few."""

import threading
import uuid

import pytest

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.health.reconnection import configure
from gitlab_links.integrations.changes import IntegrationChange
from gitlab_links.job_triggers import JobKind
from gitlab_links.jobs import fetches
from gitlab_links.jobs.fetches import fetch_slice
from gitlab_links.links.changes import refresh_links_of_task
from gitlab_links.sync import lease as leases
from tests.api.callers import program
from tests.conftest import GITLAB_TOKEN
from tests.jobs.conftest import queued
from tests.statements import statements


def test_a_new_link_shows_what_gitlab_has(connected):
    state = connected.gitlab.state
    state.people.add_user("dana", "Dana Moss")
    project = connected.project()
    state.projects.add_milestone(project, "Spring")
    issue = connected.issue(project, labels=["bug"], assignees=["dana"], milestone="Spring")
    link = connected.link(issue)
    connected.fetch()
    view = connected.view(link)
    assert (view.title, view.state, view.milestone) == ("Paper jams", "opened", "Spring")
    assert [label["name"] for label in view.labels] == ["bug"]
    assert view.assignees == [{"username": "dana", "name": "Dana Moss"}]
    assert view.author["username"] == "root"
    assert (view.sync.status, view.sync.error_code) == ("ok", None)


def test_a_merge_request_shows_its_pipeline_and_is_followed_while_it_runs(connected, clock):
    mr = connected.merge_request(connected.project())
    clock.advance(3600)  # left alone for so long, its pipeline is asked for only while it runs
    connected.gitlab.state.pipelines.run(mr, "running")
    link = connected.link(mr)
    connected.fetch()
    assert connected.view(link).pipeline_status == "running"
    connected.gitlab.state.pipelines.set_status(mr, "success")
    connected.make_due()
    connected.fetch()
    assert connected.view(link).pipeline_status == "success"
    connected.make_due()
    connected.fetch()  # whose merge status GitLab has worked out by now
    before = connected.calls()
    connected.make_due()
    connected.fetch()
    assert connected.calls() == before + 1  # the list form alone


def test_100_items_of_a_project_cost_one_call(connected):
    project = connected.project()
    links = connected.link_all(connected.issue(project, f"Issue {n}") for n in range(100))
    before = connected.calls()
    connected.fetch()
    assert connected.calls() == before + 1
    assert [connected.view(link).title for link in links] == [f"Issue {n}" for n in range(100)]


def test_an_item_linked_by_many_tasks_is_fetched_once(connected):
    issue = connected.issue(connected.project())
    for _ in range(5):
        connected.link(issue)
    before = connected.calls()
    connected.fetch()
    connected.fetch()
    assert connected.calls() == before + 1


def test_a_refresh_by_hand_fetches_what_is_fresh(connected):
    issue = connected.issue(connected.project())
    link = connected.link(issue)
    connected.fetch()
    connected.gitlab.state.items.edit(issue, title="Paper tears", notify=False)
    assert refresh_links_of_task(connected.org.id, connected.tasks[link]) == 1
    db.session.commit()
    connected.fetch()
    assert connected.view(link).title == "Paper tears"


def test_no_transaction_is_open_while_gitlab_thinks(connected, monkeypatch):
    connected.link(connected.issue(connected.project()))
    open_at_call = []
    real = fetches.Fetcher.fetch

    def spying(self, batches):
        open_at_call.append(db.session().in_transaction())
        return real(self, batches)

    monkeypatch.setattr(fetches.Fetcher, "fetch", spying)
    connected.fetch()
    assert open_at_call == [False]


def test_a_second_fetcher_stays_out_while_one_is_at_work(connected):
    connected.link(connected.issue(connected.project()))
    held = leases.acquire(connected.org.id, utcnow())
    db.session.commit()
    before = connected.calls()
    connected.fetch()
    assert connected.calls() == before
    leases.release(held)
    db.session.commit()
    connected.fetch()
    assert connected.calls() == before + 1


def test_two_fetchers_at_once_cost_no_more_calls_than_one(app, connected):
    project = connected.project()
    for number in range(20):
        connected.link(connected.issue(project, f"Issue {number}"))
    connected.gitlab.state.faults.latency = 0.2
    before = connected.calls()

    def work():
        with app.app_context():
            fetch_slice(connected.org.id)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert connected.calls() == before + 1


def test_the_lease_is_released_and_triggers_are_allowed_again(connected, redis):
    connected.link(connected.issue(connected.project()))
    connected.fetch()
    assert connected.integration().sync_leased_until is None
    assert not redis.exists(JobKind.SYNC.flag(connected.org.id))


def test_the_lease_is_given_back_when_a_run_fails(connected, monkeypatch):
    connected.link(connected.issue(connected.project()))

    def fail(*_args, **_kwargs):
        raise RuntimeError("out of order")

    monkeypatch.setattr(fetches, "record", fail)
    with pytest.raises(RuntimeError):
        connected.fetch()
    assert connected.integration().sync_leased_until is None


def test_what_is_left_when_time_is_up_triggers_again(connected, redis, monkeypatch):
    project = connected.project()
    for number in range(3):
        connected.link(connected.issue(project, f"Issue {number}"))
    redis.flushdb()
    monkeypatch.setattr(fetches, "SLICE_SECONDS", -1)
    connected.fetch()
    assert queued(redis, "fetches") == 1


def test_a_request_made_while_a_call_is_under_way_is_fetched_by_the_same_run(
    app, connected, monkeypatch
):
    issue = connected.issue(connected.project())
    link = connected.link(issue)
    real = fetches.Fetcher.fetch

    def meanwhile(self, batches):
        answers = real(self, batches)
        if connected.gitlab.state.items.edit(issue, title="Paper tears", notify=False):
            with app.app_context():
                refresh_links_of_task(connected.org.id, connected.tasks[link])
                db.session.commit()
        return answers

    monkeypatch.setattr(fetches.Fetcher, "fetch", meanwhile)
    connected.fetch()
    assert connected.view(link).title == "Paper tears"


def test_a_token_that_is_changed_meanwhile_is_not_stopped_by_the_old_ones_refusal(
    app, connected, monkeypatch
):
    link = connected.link(connected.issue(connected.project()))
    connected.gitlab.state.people.tokens[GITLAB_TOKEN].revoked = True
    root = connected.gitlab.state.people.user("root")
    connected.gitlab.state.people.add_token(root, scopes=["read_api"], value="glpat-the-new-one")
    real = fetches.Fetcher.fetch

    def meanwhile(self, batches):
        answers = real(self, batches)
        with app.app_context():
            if connected.integration().token_set_at == first.token_set_at:
                configure(connected.principal, IntegrationChange(token="glpat-the-new-one"))
                db.session.commit()
        return answers

    first = connected.integration()
    monkeypatch.setattr(fetches.Fetcher, "fetch", meanwhile)
    connected.fetch()
    assert connected.integration().error_code is None
    connected.fetch()
    assert connected.view(link).title == "Paper jams"


def test_an_org_without_a_connection_is_left_alone(app_context, factory, gitlab):
    fetch_slice(factory.org().id)
    fetch_slice(uuid.uuid4())
    assert sum(gitlab.state.calls.counts().values()) == 0


def test_a_token_that_no_longer_opens_pauses_with_the_reason(connected, make_app, clock):
    from cryptography.fernet import Fernet

    connected.link(connected.issue(connected.project()))
    before = connected.calls()
    for keys, code in [
        ((Fernet.generate_key().decode(),), "invalid_token_ciphertext"),
        ((), "encryption_key_missing"),
        (("not a key",), "encryption_key_invalid"),
    ]:
        with make_app(encryption_keys=keys).app_context():
            fetch_slice(connected.org.id)
        assert connected.integration().error_code == code
        assert connected.integration().paused_until > utcnow()
        with db.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE org_gitlab_integrations SET paused_until = NULL")
    assert connected.calls() == before


def test_the_queries_of_a_round_do_not_grow_with_its_items(app, connected):
    project = connected.project()
    counts = []
    for size in (1, 40):
        for number in range(size):
            connected.link(connected.issue(project, f"Issue {number}"))
        with statements(app) as sent:
            connected.fetch()
        counts.append(len(sent))
    assert counts[1] <= counts[0] + 1


def test_a_fetch_that_finds_nothing_new_is_no_change_for_programs(connected, app):
    issue = connected.issue(connected.project())
    link_id = connected.link(issue)
    connected.fetch()
    admin = program(app, connected.factory.api_key(connected.org))
    links = f"/api/orgs/{connected.org.id}/gitlab-links"
    of_task = f"/api/orgs/{connected.org.id}/tasks/{connected.tasks[link_id]}/gitlab-links"
    link = f"{of_task}/{link_id}"
    first = {path: admin.get(path) for path in (links, f"{links}/{link_id}", of_task, link)}
    assert all(answer.headers["ETag"].startswith('W/"') for answer in first.values())

    def polled():
        db.session.rollback()
        return {
            admin.get(path, headers={"If-None-Match": seen.headers["ETag"]}).status_code
            for path, seen in first.items()
        }

    connected.make_due()
    connected.fetch()
    times = [
        one["link"]["sync"]["last_synced_at"] for one in (first[link].json, admin.get(link).json)
    ]
    assert times[0] < times[1]
    assert polled() == {304}
    connected.gitlab.state.items.edit(issue, title="Paper tears", notify=False)
    connected.make_due()
    connected.fetch()
    assert polled() == {200}
    late = admin.delete(link, headers={"If-Match": first[link].headers["ETag"]})
    assert (late.status_code, late.headers["ETag"]) == (412, admin.get(link).headers["ETag"])
    connected.make_due()
    connected.fetch()
    assert admin.delete(link, headers={"If-Match": late.headers["ETag"]}).status_code == 204
