"""What a task needs: in words for one, as a filter for all, and never what somebody may not see."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemState
from gitlab_links.links.models import GitLabItem, TaskGitLabLink
from gitlab_links.links.waits import is_approved
from gitlab_links.rollup.conditions import has_need
from gitlab_links.rollup.link_states import link_states, roll_up_of
from gitlab_links.rollup.needs import LinkState, Need, roll_up
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.storage.database import new_id
from gitlab_links.tasks.models import Task, TaskStatus
from gitlab_links.tasks.queries import tasks_page
from tests.examples import examples
from tests.factories import Factory
from tests.frozen_clock import FrozenClock

OPEN, DONE = TaskStatus.OPEN, TaskStatus.DONE
MERGED = {"state": "merged"}


def request(**values: Any) -> LinkState:
    return LinkState("merge_request", **{"state": "opened", **values})


@pytest.mark.parametrize(
    ("links", "status", "needs"),
    [
        ([], OPEN, [Need.NOTHING_LINKED]),
        ([], DONE, []),
        ([request(pipeline_status="failed")], OPEN, [Need.FAILING]),
        ([request(pipeline_status="failed", **MERGED)], DONE, []),
        ([request(merge_status="mergeable")], OPEN, [Need.READY]),
        ([request(merge_status="mergeable", pipeline_status="failed")], OPEN, [Need.FAILING]),
        ([request(merge_status="mergeable", draft=True)], OPEN, [Need.DRAFT]),
        ([request(merge_status="not_approved")], OPEN, [Need.REVIEW]),
        ([request(merge_status="ci_still_running", reviewed=True)], OPEN, [Need.REVIEW]),
        ([request(reviewed=True, approved=True)], OPEN, [Need.APPROVED]),
        ([request(merge_status="mergeable", approved=True)], OPEN, [Need.READY, Need.APPROVED]),
        ([request(merge_status="need_rebase", reviewed=True)], OPEN, []),
        ([request(merge_status="conflict", reviewed=True)], OPEN, [Need.CONFLICTS]),
        ([request(merge_status="requested_changes", reviewed=True)], OPEN, [Need.CHANGES]),
        ([request(**MERGED), request(state="closed")], OPEN, [Need.ALL_MERGED]),
        ([request(**MERGED), request(state="closed")], DONE, []),
        ([request(state="closed")], OPEN, []),
        ([request(**MERGED), request()], DONE, [Need.STILL_OPEN]),
        # What is not known yet is neither open nor merged.
        ([request(**MERGED), request(state=None)], OPEN, []),
        ([request(**MERGED), request(state=None)], DONE, []),
        ([request(**MERGED), request(state="locked")], OPEN, []),
        ([LinkState("issue", "opened", late=True)], OPEN, [Need.OVERDUE]),
        ([LinkState("issue", "closed", late=True)], OPEN, []),
        ([LinkState("issue", "opened", merge_status="conflict", draft=True)], OPEN, []),
        # A withheld item counts for nothing, but it is linked.
        ([LinkState("issue", withheld=True)], OPEN, []),
        ([request(**MERGED), LinkState("merge_request", withheld=True)], OPEN, [Need.ALL_MERGED]),
    ],
)
def test_a_task_needs_what_its_links_say(
    links: list[LinkState], status: TaskStatus, needs: list[Need]
) -> None:
    assert list(roll_up(links, status, task_late=False).needs) == needs


def test_merge_requests_are_counted_without_those_closed_unmerged() -> None:
    links = [
        request(count=2, **MERGED),
        request(count=3, merge_status="conflict"),
        request(state="closed", count=5),
        request(state=None),
        LinkState("issue", "opened"),
    ]
    found = roll_up(links, OPEN, task_late=True)
    assert (found.merged, found.merge_requests, found.open_issues) == (2, 5, 1)
    assert (found.conflicts, found.overdue, found.failing) == (3, 1, 0)
    assert found.needs == (Need.OVERDUE, Need.CONFLICTS)


STATUSES = ("mergeable", "can_be_merged", "conflict", "cannot_be_merged", "requested_changes",
            "not_approved", "need_rebase", "ci_must_pass", "checking", None)  # fmt: skip
ITEMS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["issue", "merge_request", "merge_request"]),
        "state": st.sampled_from([*(state.value for state in ItemState), None]),
        "draft": st.booleans(),
        "confidential": st.sampled_from([False, False, True]),
        "merge_status": st.sampled_from(STATUSES),
        "pipeline_status": st.sampled_from(["failed", "success", None]),
        "reviewers": st.sampled_from([[], [{"username": "ann", "name": "Ann"}]]),
        "reviews": st.sampled_from(
            [None, [{"username": "ann", "state": "approved", "re_requested": False}]]
        ),
        "due_date": st.sampled_from([-1, 0, None]),
        "error_code": st.sampled_from([None, None, "not_found"]),
    }
)
TASKS = st.tuples(
    st.sampled_from(list(TaskStatus)), st.sampled_from([-1, 0, None]), st.lists(ITEMS, max_size=3)
)


@pytest.mark.slow
@pytest.mark.differs_by_database
@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(TASKS, min_size=1, max_size=25))
def test_a_filter_finds_just_the_tasks_that_show_the_need(
    app: Flask, factory: Factory, clock: FrozenClock, rows: list[Any]
) -> None:
    org = factory.org()
    admin = factory.principal(org, Role.ADMIN)
    with app.app_context():
        _store(org, factory.gitlab_project(org).id, rows)
        for role in (Role.ADMIN, Role.MEMBER):
            visibility = Visibility.of(Principal(org.id, admin.user_id, role))
            tasks = tasks_page(org.id)
            links = link_states(visibility, [task.id for task in tasks])
            needs = {task.id: roll_up_of(task, links.get(task.id, ())).needs for task in tasks}
            for need in Need:
                wanted = {one for one, its in needs.items() if need in its}
                for each in (False, True):
                    having = has_need(need, visibility, utcnow().date(), each=each)
                    found = db.session.scalars(
                        select(Task.id).where(Task.org_id == org.id, having)
                    ).all()
                    assert set(found) == wanted, (need, each)
        db.session.rollback()


def _store(org: Org, project_id: Any, rows: list[Any]) -> None:
    def day(after: int | None) -> Any:
        return None if after is None else utcnow().date() + timedelta(days=after)

    made = {"org_id": org.id}
    for number, (status, due, items) in enumerate(rows, start=1):
        task = {"id": new_id(), "number": number, "title": "x", "status": status.value}
        db.session.execute(insert(Task).values(**made, **task, due_date=day(due)))
        for place, item in enumerate(items):
            values = {**item, "id": new_id(), "due_date": day(item["due_date"])}
            values |= {"iid": number * 10 + place, "project_id": project_id}
            values["approved"] = is_approved(GitLabItem(**values))
            db.session.execute(insert(GitLabItem).values(**made, **values))
            link = {"task_id": task["id"], "item_id": values["id"]}
            db.session.execute(insert(TaskGitLabLink).values(**made, **link))
