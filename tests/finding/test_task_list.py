"""A page of tasks: in the right order and counted, by whatever way it is read."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from flask import Flask

from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.finding import by_activity, task_list, task_pages
from gitlab_links.finding.task_filters import TaskQuery
from gitlab_links.finding.task_list import listed_tasks
from gitlab_links.finding.task_pages import tasks_behind
from gitlab_links.rollup.needs import Need
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.tasks.orders import TaskSort, position_of
from gitlab_links.tasks.summaries import TaskView
from tests.factories import Factory

pytestmark = pytest.mark.differs_by_database

HIDDEN = 3
TRIED = (
    TaskQuery(need=Need.FAILING),
    TaskQuery(need=Need.FAILING, links="opened", status="open"),
    TaskQuery(need=Need.FAILING, label="even"),
    TaskQuery(need=Need.ALL_MERGED),
    TaskQuery(label="even", q="task"),
)


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
        due = date(2999, 1, 1 + number % 2) if number % 4 else None
        title = f"{'task' if number % 2 else 'Task'} {number % 5}"
        task = factory.task(org, number=number, title=title, due_date=due, **times)
        for later in (0, 40) if linked else ():
            values: dict[str, Any] = {"source_updated_at": ago(linked[1] + later)}
            values |= {"type": "merge_request", "state": "opened", "pipeline_status": "failed"}
            factory.link(task, factory.gitlab_item(project, **values))
        if number == HIDDEN:
            hidden = {"confidential": True, "source_updated_at": now}
            factory.link(task, factory.gitlab_item(project, **hidden))
    return factory.principal(org, Role.ADMIN)


@pytest.fixture
def labelled(factory: Factory) -> Principal:
    """Twelve tasks: titles, due dates, statuses, labels and states of items in several orders."""
    org = factory.org()
    project = factory.gitlab_project(org)
    now = utcnow()
    for number in range(1, 13):
        task = factory.task(
            org,
            number=number,
            title=f"Task {number * 5 % 12}",
            status=("open", "in_progress", "done")[number % 3],
            due_date=None if number % 4 else (now + timedelta(days=-number)).date(),
            updated_at=now - timedelta(hours=number * 7 % 12),
        )
        for place in range(2):
            label = {"name": "odd" if (number + place) % 3 else "even", "color": "#1f75cb"}
            factory.link(
                task,
                factory.gitlab_item(
                    project,
                    type="merge_request",
                    state="merged" if number in {4, 7, 10} else "opened",
                    pipeline_status="failed" if number % 5 else "success",
                    labels=[label],
                    confidential=number == 5 and place == 1,
                    source_updated_at=now - timedelta(hours=(number + 6 * place) * 5 % 24),
                ),
            )
    return factory.principal(org, Role.ADMIN)


def read_by_activity(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """As a larger org is read: all are compared if there are few, else the newest are, or those
    first by one of the three; ``far`` is where too few of the newest match. ``recent`` tests
    some before anything is read of all that match.
    """
    monkeypatch.setattr(task_list, "MANY", -1 if way == "recent" else 100)
    monkeypatch.setattr(by_activity, "RECENT_TASKS", 4)
    monkeypatch.setattr(by_activity, "RECENT_ITEMS", 9)
    newest = {"far": 1}.get(way, 100)
    monkeypatch.setattr(by_activity, "FEW", 100 if way == "few" else 1)
    monkeypatch.setattr(by_activity, "NEWEST_TASKS", newest)
    monkeypatch.setattr(by_activity, "NEWEST_ITEMS", newest)
    monkeypatch.setattr(task_list, "COMPARED", 0 if way == "many" else 100)
    monkeypatch.setattr(task_list, "COUNTED", 1 if way == "many" else 100)


@pytest.mark.slow
@pytest.mark.parametrize(
    "way",
    [
        "few",
        "recent",
        *(pytest.param(way, marks=pytest.mark.slow) for way in ("newest", "far", "many")),
    ],
)
def test_the_last_activity_is_the_newest_of_the_three_that_one_may_see(
    app: Flask, busy: Principal, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_by_activity(monkeypatch, way)
    filters: tuple[dict[str, Any], ...] = ({}, {"need": Need.FAILING}, {"links": "opened"})
    wrong = {}
    for role, wanted in product((Role.ADMIN, Role.MEMBER, Role.CLIENT), filters):
        found: list[int] = []
        with app.app_context():
            visibility = Visibility.of(Principal(busy.org_id, busy.user_id, role))
            for offset in range(0, 10, 2):
                page = listed_tasks(
                    visibility, TaskQuery(**wanted), sort="updated", offset=offset, limit=2
                ).tasks
                found += [int(task.reference.rpartition("-")[2]) for task in page]
        if found != by_last_activity(role, wanted):
            wrong[role, *wanted] = found
    assert wrong == {}


def by_last_activity(role: Role, wanted: dict[str, Any]) -> list[int]:
    """The tasks that the role finds, the newest first."""
    sees_links = role is not Role.CLIENT
    age = {n: min(moments(n)) if sees_links else moments(n)[0] for n in range(1, 10)}
    if role is Role.ADMIN:
        age[HIDDEN] = 0
    matching = [n for n in age if n % 3 or not wanted]
    if not sees_links:
        matching = [] if "need" in wanted else list(age)
    return sorted(matching, key=lambda n: (age[n], -n))


def test_matches_of_a_common_filter_are_counted_up_to_a_limit(
    app: Flask, busy: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_list, "COUNTED", 4)
    with app.app_context():
        visibility = Visibility.of(busy)

        def total(**wanted: Any) -> tuple[int, bool]:
            found = listed_tasks(visibility, TaskQuery(**wanted), sort="newest", offset=0, limit=2)
            return found.total, found.are_more

        assert total() == (9, False)
        assert total(links="opened") == (4, True)
        assert total(need=Need.FAILING) == (6, False)
        assert total(links="merged") == (0, False)
        beyond = listed_tasks(
            visibility, TaskQuery(need=Need.FAILING), sort="newest", offset=50, limit=2
        )
        assert (beyond.total, list(beyond.tasks)) == (6, [])


@pytest.mark.parametrize("sort", ["newest", "oldest"])
@pytest.mark.parametrize("recent", [3, 8, 9])
def test_what_many_tasks_meet_is_found_among_the_first_of_the_order(
    app: Flask, busy: Principal, monkeypatch: pytest.MonkeyPatch, sort: str, recent: int
) -> None:
    monkeypatch.setattr(task_list, "MANY", -1)
    monkeypatch.setattr(task_list, "RECENT", recent)
    matching = [n for n in range(1, 10) if n % 3]
    if sort == "newest":
        matching.reverse()
    pages = []
    with app.app_context():
        for offset in range(0, 6, 2):
            pages.append(
                listed_tasks(
                    Visibility.of(busy),
                    TaskQuery(need=Need.FAILING),
                    sort=sort,
                    offset=offset,
                    limit=2,
                )
            )
    found = [int(one.reference.rpartition("-")[2]) for page in pages for one in page.tasks]
    assert found == matching
    # More than a number that is right, or all.
    assert all(page.total < 6 if page.are_more else page.total == 6 for page in pages)
    assert pages[0].are_more is (recent > 3)


@pytest.mark.slow
@pytest.mark.parametrize("recent", [2, 4])
def test_what_is_tried_on_the_first_tasks_changes_no_page(
    app: Flask, labelled: Principal, monkeypatch: pytest.MonkeyPatch, recent: int
) -> None:
    monkeypatch.setattr(task_list, "RECENT", recent)
    monkeypatch.setattr(task_list, "WORTH", 0)
    monkeypatch.setattr(by_activity, "RECENT_TASKS", recent)
    monkeypatch.setattr(by_activity, "RECENT_ITEMS", 2 * recent)
    for wanted, sort in product(TRIED, ("newest", "due", "updated")):
        found = []
        with app.app_context():
            visibility = Visibility.of(Principal(labelled.org_id, labelled.user_id, Role.MEMBER))
            for many in (10_000, -1):
                monkeypatch.setattr(task_list, "MANY", many)
                pages = (
                    listed_tasks(visibility, wanted, sort=sort, offset=offset, limit=3).tasks
                    for offset in (0, 3, 6)
                )
                found.append([task.reference for page in pages for task in page])
        assert found[0] == found[1] and found[0], (wanted, sort)


def test_a_list_that_goes_on_behind_a_task_finds_the_same_however_it_is_read(
    app: Flask, busy: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders: dict[TaskSort, Callable[[TaskView], Any]] = {
        TaskSort.CREATED: lambda task: task.id,
        TaskSort.CREATED_DESC: lambda task: task.id,
        TaskSort.TITLE: lambda task: (task.title.lower(), task.id),
        TaskSort.TITLE_DESC: lambda task: (task.title.lower(), task.id),
        TaskSort.DUE: lambda task: (task.due_date or date.max, task.id),
    }
    with app.app_context():
        visibility = Visibility.of(busy)
        for sort, wanted, recent in product(
            orders, (TaskQuery(need=Need.FAILING), TaskQuery(links="opened")), (0, 4, 100)
        ):
            monkeypatch.setattr(task_pages, "RECENT", recent)
            after, found = None, []
            while page := tasks_behind(visibility, wanted, sort=sort, after=after, limit=2):
                found += page
                after = position_of(found[-1], sort)
            assert len(found) == 6
            assert found == sorted(found, key=orders[sort], reverse=sort.startswith("-"))
