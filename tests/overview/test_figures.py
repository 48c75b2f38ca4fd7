"""The figures: the same as the list's, by week and age, and never of what somebody may not see."""

import sqlite3
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.extensions import db, redis
from gitlab_links.finding.task_filters import TaskQuery
from gitlab_links.finding.task_list import listed_tasks
from gitlab_links.job_triggers import JobKind
from gitlab_links.jobs.functions import count_overview
from gitlab_links.links.models import GitLabProject
from gitlab_links.overview import counting
from gitlab_links.overview.figures import Age, Duration, Flow
from gitlab_links.overview.queries import FRESH, Overview, overview_for
from gitlab_links.rollup.needs import Need
from gitlab_links.rollup.visibility import Visibility
from tests.factories import Factory
from tests.frozen_clock import FrozenClock
from tests.overview.conftest import ago, request

pytestmark = pytest.mark.differs_by_database


@pytest.fixture
def busy(factory: Factory, org: Org, project: GitLabProject) -> Org:
    """A task for each need, twice as many for some, one of them withheld from members."""
    seen = {
        Need.OVERDUE: {"due_date": ago(1).date()},
        Need.FAILING: {"pipeline_status": "failed"},
        Need.CONFLICTS: {"merge_status": "conflict"},
        Need.CHANGES: {"merge_status": "requested_changes"},
        Need.REVIEW: {"merge_status": "not_approved"},
        Need.READY: {"merge_status": "mergeable"},
        Need.APPROVED: {
            "reviews": [{"username": "ann", "state": "approved", "re_requested": False}]
        },
        Need.DRAFT: {"draft": True},
        Need.ALL_MERGED: {"merged": 2},
    }
    for values in [*seen.values(), seen[Need.FAILING], {"confidential": True, "draft": True}]:
        factory.link(factory.task(org), request(factory, project, 3, **values))
    secret = {"confidential": True, "due_date": ago(1).date(), "pipeline_status": "failed"}
    factory.link(factory.task(org), request(factory, project, 3, **secret))
    factory.link(factory.task(org, status="done"), request(factory, project, 3))
    factory.task(org)
    factory.task(org, due_date=ago(1).date())
    return org


def visibility_of(org: Org, role: Role) -> Visibility:
    return Visibility.of(Principal(org.id, org.id, role))


def seen_by(app: Flask, org: Org, role: Role = Role.ADMIN) -> Overview:
    with app.app_context():
        return overview_for(visibility_of(org, role))


def flow_of(app: Flask, org: Org, role: Role = Role.ADMIN) -> Flow:
    flow = seen_by(app, org, role).figures.flow
    assert flow is not None
    return flow


@pytest.mark.parametrize("role", list(Role))
def test_the_counts_are_those_of_the_list_of_tasks(app: Flask, busy: Org, role: Role) -> None:
    needs = seen_by(app, busy, role).figures.needs
    with app.app_context():
        visibility = visibility_of(busy, role)
        listed = {
            need: listed_tasks(
                visibility, TaskQuery(need=need), sort="newest", offset=0, limit=1
            ).total
            for need in needs
        }
    assert needs == listed
    assert list(needs) == (list(Need) if role is not Role.CLIENT else [Need.OVERDUE])
    assert needs[Need.OVERDUE] == {Role.MEMBER: 2, Role.CLIENT: 1}.get(role, 3)
    if role is not Role.CLIENT:
        assert all(needs.values())


def test_merge_requests_count_in_the_week_of_each_thing_that_happened(
    app: Flask, factory: Factory, org: Org, project: GitLabProject
) -> None:
    """The clock says Wednesday; the first week begins on Monday eleven weeks before."""
    task = factory.task(org)
    for opened, merged in ((2, 1), (2.6, 2.4), (9, 1), (79.4, 78), (79.6, None), (300, 79.6)):
        factory.link(task, request(factory, project, opened, merged=merged))
    request(factory, project, 1)  # of no task
    weeks = flow_of(app, org).weeks
    assert (weeks[0].start, weeks[-1].start) == (date(2026, 2, 16), date(2026, 5, 4))
    assert [week.opened for week in weeks] == [1, *[0] * 9, 2, 1]
    assert [week.merged for week in weeks] == [1, *[0] * 9, 0, 3]


def test_medians_say_of_how_many_they_are(
    app: Flask, factory: Factory, org: Org, project: GitLabProject
) -> None:
    for opened, merged in ((3, 1), (9, 1), (2, 1), (60, 20), (5, None)):
        task = factory.task(org, created_at=ago(opened + 1))
        factory.link(task, request(factory, project, opened, merged=merged))
    flow = flow_of(app, org)
    assert flow.weeks[-1].open_to_merged == Duration(2 * 86_400, 3)
    assert flow.open_to_merged == Duration(5 * 86_400, 4)
    assert flow.weeks[-1].task_to_last_merge == Duration(3 * 86_400, 3)
    assert flow.weeks[0].open_to_merged == Duration(None, 0)


@pytest.mark.parametrize(
    ("second", "counts"),
    [
        ({"merged": 1}, {"n": 1, "median_seconds": 9 * 86_400}),
        ({"merged": 200}, {"n": 1, "median_seconds": 6 * 86_400}),
        ({"state": "closed"}, {"n": 1, "median_seconds": 6 * 86_400}),
        ({"state": None}, {}),
        ({}, {}),
        ({"confidential": True}, {"n": 1, "median_seconds": 6 * 86_400}),
    ],
)
def test_a_task_has_its_last_merge_once_all_its_merge_requests_have_ended(
    app: Flask,
    factory: Factory,
    org: Org,
    project: GitLabProject,
    second: dict[str, Any],
    counts: dict[str, int],
) -> None:
    task = factory.task(org, created_at=ago(10))
    for values in ({"merged": 4}, second):
        factory.link(task, request(factory, project, 300, **values))
    late = factory.task(org, created_at=ago(2))
    factory.link(late, request(factory, project, 5, merged=3))  # made after its merge
    assert flow_of(app, org, Role.MEMBER).task_to_last_merge == Duration(**counts)


def test_open_work_is_counted_by_age_to_the_second(
    app: Flask, factory: Factory, org: Org, project: GitLabProject
) -> None:
    second = timedelta(seconds=1)
    for days in (0, 7, 28, 91, 182):
        for began in (ago(days), ago(days) + second):
            task = factory.task(org, created_at=began)
            factory.link(task, request(factory, project, 0, gitlab_created_at=began))
        done = factory.task(org, status="done", created_at=ago(days))
        factory.link(done, request(factory, project, days, merged=0))
    found = {
        one.age: (one.tasks, one.merge_requests) for one in seen_by(app, org).figures.open_work
    }
    assert found == {
        Age.WEEK: (3, 3),
        Age.MONTH: (2, 2),
        Age.QUARTER: (2, 2),
        Age.HALF_YEAR: (2, 2),
        Age.OLDER: (1, 1),
    }


def test_what_is_withheld_changes_no_figure_of_whoever_may_not_see_it(
    app: Flask, factory: Factory, org: Org, project: GitLabProject, busy: Org
) -> None:
    before = {role: seen_by(app, org, role).figures for role in Role}
    linked = factory.task(org, status="done", created_at=ago(1))
    before_role = seen_by(app, org, Role.MEMBER).figures
    for values in ({"merged": 0, "pipeline_status": "failed"}, {"draft": True}):
        item = request(factory, project, 5, confidential=True, **values)
        factory.link(linked, item)
    assert seen_by(app, org, Role.MEMBER).figures == before_role == before[Role.MEMBER]
    assert seen_by(app, org, Role.CLIENT).figures == before[Role.CLIENT]
    assert seen_by(app, org, Role.ADMIN).figures != before[Role.ADMIN]


@pytest.fixture
def large(busy: Org, monkeypatch: pytest.MonkeyPatch) -> Org:
    """The same org, where three of anything are many."""
    monkeypatch.setattr(counting, "SMALL", 3)
    return busy


def once_counted(app: Flask, org: Org, role: Role = Role.ADMIN) -> Overview:
    """What a viewer sees after a job has counted for them."""
    seen_by(app, org, role)
    with app.app_context():
        count_overview(str(org.id))
    return seen_by(app, org, role)


def test_a_large_org_is_counted_once_a_minute_by_a_job(
    app: Flask, factory: Factory, large: Org, clock: FrozenClock
) -> None:
    assert seen_by(app, large) == Overview(None, kept=True, counting=True)
    with app.app_context():
        (job,) = redis().lrange("rq:queue:fetches", 0, -1)
        redis().flushdb()
    assert job
    first = once_counted(app, large)
    assert (first.kept, first.counting) == (True, False)
    assert first.figures
    factory.task(large)
    assert seen_by(app, large) == first
    with app.app_context():
        # What was triggered so far is taken; by a slow machine it is triggered more than once.
        redis().delete("rq:queue:fetches", JobKind.COUNT_OVERVIEW.flag(large.id))
    clock.advance(FRESH.total_seconds())
    assert seen_by(app, large) == Overview(first.figures, kept=True, counting=True)
    with app.app_context():
        (job,) = redis().lrange("rq:queue:fetches", 0, -1)
        count_overview(str(large.id))
    assert job
    again = seen_by(app, large)
    assert (again.kept, again.counting) == (True, False)
    assert again.figures
    assert again.figures.needs[Need.NOTHING_LINKED] == first.figures.needs[Need.NOTHING_LINKED] + 1


@pytest.mark.only_on("sqlite")
def test_counting_waits_for_no_writer_and_keeps_none_waiting(
    app: Flask, large: Org, clock: FrozenClock
) -> None:
    first = once_counted(app, large)
    clock.advance(FRESH.total_seconds())
    with app.app_context():
        writer = sqlite3.connect(str(db.engine.url.database), isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        count_overview(str(large.id))
        writer.close()
        again = overview_for(visibility_of(large, Role.ADMIN))
    assert again.figures and first.figures
    assert again.figures.computed_at > first.figures.computed_at


def test_what_is_kept_is_the_same_again_and_of_one_group_of_viewers(
    app: Flask, large: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = {role: once_counted(app, large, role).figures for role in Role}
    monkeypatch.setattr(counting, "count_figures", None)
    monkeypatch.setattr("gitlab_links.overview.queries.count_figures", None)
    kept = {role: seen_by(app, large, role).figures for role in Role}
    assert kept == counted
    assert len({figures.as_json() for figures in kept.values() if figures}) == 3


def test_without_redis_a_large_org_is_counted_for_each_viewer(
    app: Flask, large: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = Redis(host="127.0.0.1", port=1, retry=Retry(NoBackoff(), 0))
    monkeypatch.setitem(app.extensions, "redis", nothing)
    found = seen_by(app, large).figures
    assert found
    assert found.needs[Need.FAILING] == 3
