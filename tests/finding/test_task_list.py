"""A page of tasks: in the right order and counted, by whatever way it is read."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.finding import task_list
from gitlab_links.finding.task_filters import TaskQuery
from gitlab_links.finding.task_list import listed_tasks
from gitlab_links.rollup.needs import Need
from gitlab_links.rollup.sight import Sight
from tests.factories import Factory

pytestmark = pytest.mark.differs_by_database

HIDDEN = 3


def moments(number: int) -> list[int]:
    """How many hours ago the task, its links and its items changed."""
    own, linked, item = ((number * step) % 31 + 1 for step in (7, 11, 13))
    return [own, linked, item] if number % 3 else [own]


@pytest.fixture
def busy(factory: Factory) -> Principal:
    """Nine tasks whose own change, links and items are the newest in turns."""
    org = factory.org()
    project = factory.gitlab_project(org)
    now = utcnow()

    def ago(hours: int) -> datetime:
        return now - timedelta(hours=hours)

    for number in range(1, 10):
        own, *linked = moments(number)
        times = {"updated_at": ago(own), "links_changed_at": ago(linked[0]) if linked else None}
        task = factory.task(org, number=number, title=f"Task {number}", **times)
        for later in (0, 40) if linked else ():
            values: dict[str, Any] = {"source_updated_at": ago(linked[1] + later)}
            values |= {"type": "merge_request", "state": "opened", "pipeline_status": "failed"}
            factory.link(task, factory.gitlab_item(project, **values))
        if number == HIDDEN:
            hidden = {"confidential": True, "source_updated_at": now}
            factory.link(task, factory.gitlab_item(project, **hidden))
    return factory.principal(org, Role.ADMIN)


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MEMBER, Role.CLIENT])
@pytest.mark.parametrize("wanted", [{}, {"need": Need.FAILING}, {"links": "opened"}])
def test_the_last_activity_is_the_newest_of_the_three_that_one_may_see(
    app: Flask, busy: Principal, role: Role, wanted: dict[str, Any]
) -> None:
    sees_links = role is not Role.CLIENT
    age = {n: min(moments(n)) if sees_links else moments(n)[0] for n in range(1, 10)}
    if role is Role.ADMIN:
        age[HIDDEN] = 0
    matching = [n for n in age if n % 3 or not wanted]
    if not sees_links:
        matching = [] if "need" in wanted else list(age)
    found: list[int] = []
    with app.app_context():
        sight = Sight.of(Principal(busy.org_id, busy.user_id, role))
        for offset in range(0, 10, 2):
            page = listed_tasks(
                sight, TaskQuery(**wanted), sort="updated", offset=offset, limit=2
            ).tasks
            found += [int(task.reference.rpartition("-")[2]) for task in page]
    assert found == sorted(matching, key=lambda n: (age[n], -n))


def test_matches_of_a_common_filter_are_counted_up_to_a_limit(
    app: Flask, busy: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_list, "COUNTED", 4)
    with app.app_context():
        sight = Sight.of(busy)

        def total(**wanted: Any) -> tuple[int, bool]:
            found = listed_tasks(sight, TaskQuery(**wanted), sort="newest", offset=0, limit=2)
            return found.total, found.are_more

        assert total() == (9, False)
        assert total(links="opened") == (4, True)
        assert total(need=Need.FAILING) == (6, False)
        assert total(links="merged") == (0, False)
        beyond = listed_tasks(
            sight, TaskQuery(need=Need.FAILING), sort="newest", offset=50, limit=2
        )
        assert (beyond.total, list(beyond.tasks)) == (6, [])
