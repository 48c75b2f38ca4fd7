"""Mentions that make no link yet: of tasks that come later, and in items that name too many."""

import pytest
from sqlalchemy import select

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from gitlab_links.extensions import db
from gitlab_links.job_triggers import JobKind
from gitlab_links.jobs.pending_mentions import pending_slice
from gitlab_links.jobs.sweeps import sweep
from gitlab_links.links.queries import connection_of
from gitlab_links.links.task_removal import remove_task
from gitlab_links.mentions import pending
from gitlab_links.mentions.models import TOO_MANY, PendingMention
from gitlab_links.mentions.queries import pending_mentions
from gitlab_links.tasks.changes import create_task
from gitlab_links.tasks.models import Task
from tests.api.callers import browser
from tests.pages.csv_tables import table_of
from tests.pages.markup import words

pytestmark = pytest.mark.differs_by_database


@pytest.fixture
def project(mentioning):
    return mentioning.connected.project("acme/app")


def create(mentioning, count=1):
    """Tasks as people make them; gives the number of the last."""
    for _ in range(count):
        create_task(mentioning.connected.principal, "Later")
    db.session.commit()
    last = db.session.scalar(select(Org.last_task_number).where(Org.id == mentioning.org.id))
    db.session.rollback()
    return last


def noted():
    found = db.session.execute(select(PendingMention).order_by(PendingMention.id)).scalars()
    rows = [(row.number, row.path, row.type, row.iid) for row in found]
    db.session.rollback()
    return rows


def test_a_task_is_linked_with_what_mentioned_it_before_it_was_there(
    mentioning, key, project, redis
):
    last = create(mentioning)
    item = mentioning.connected.issue(project, f"For {key(last + 1)}", notify=False)
    mentioning.send(item)
    mentioning.send(item)
    assert (noted(), mentioning.items()) == ([(last + 1, "acme/app", "issue", 1)], 0)
    flag = JobKind.LINK_PENDING.flag(mentioning.org.id)
    sweep()
    assert not redis.exists(flag)
    assert create(mentioning) == last + 1
    sweep()
    assert redis.exists(flag)
    pending_slice(mentioning.org.id)
    assert (mentioning.linked(), redis.exists(JobKind.SYNC.flag(mentioning.org.id))) == ({}, 1)
    mentioning.fetch()
    assert mentioning.linked() == {last + 1: ["acme/app#1"]}
    assert noted() == []


def test_what_is_stored_with_a_linked_item_links_without_a_call(mentioning, key, project):
    last = create(mentioning)
    item = mentioning.connected.issue(
        project, f"{key(last)}, and Closes {key(last + 1)}", notify=False
    )
    mentioning.send(item)
    mentioning.fetch()
    assert mentioning.linked() == {last: ["acme/app#1"]}
    create(mentioning)
    calls = mentioning.connected.calls()
    pending_slice(mentioning.org.id)
    assert mentioning.linked()[last + 1] == ["acme/app#1"]
    assert [link.closes for link in mentioning.links()] == [False, True]
    assert mentioning.connected.calls() == calls


def test_an_item_that_no_longer_mentions_the_task_is_not_linked(mentioning, key, project):
    last = create(mentioning)
    item = mentioning.connected.issue(project, f"For {key(last + 1)}", notify=False)
    mentioning.send(item)
    mentioning.gitlab.items.edit(item, title="For nobody", notify=False)
    create(mentioning)
    pending_slice(mentioning.org.id)
    mentioning.fetch()
    assert (mentioning.linked(), mentioning.items(), noted()) == ({}, 0, [])


def test_only_tasks_that_may_still_come_are_waited_for(mentioning, key, project):
    last = create(mentioning)
    deleted, far = last, last + pending.FARTHEST + 1
    remove_task(mentioning.connected.principal, db.session.scalar(select(Task.id)))
    db.session.commit()
    title = f"{key(deleted)} {key(far)} {key(last + 1)} Skip {key(last + 2)}"
    mentioning.send(mentioning.connected.issue(project, title, notify=False))
    assert [number for number, *_ in noted()] == [last + 1]


def test_the_newest_are_kept(mentioning, key, project, monkeypatch):
    monkeypatch.setattr(pending, "MOST_KEPT", 3)
    last = create(mentioning)
    for ahead in range(1, 6):
        title = f"For {key(last + ahead)}"
        mentioning.send(mentioning.connected.issue(project, title, notify=False))
    assert [number - last for number, *_ in noted()] == [3, 4, 5]


@pytest.mark.parametrize("after", ["Nothing", "Only {}"])
def test_an_item_that_names_too_many_tasks_is_noted_until_it_does_not(
    mentioning, key, project, after
):
    last = create(mentioning, 2)
    many = " ".join(key(number) for number in range(1, 23))
    item = mentioning.connected.issue(project, "All", description=many, notify=False)
    mentioning.send(item)
    assert (noted(), mentioning.items()) == ([(TOO_MANY, "acme/app", "issue", 1)], 0)
    mentioning.gitlab.items.edit(item, title=after.format(key(last)), description="", notify=False)
    mentioning.send(item)
    assert noted() == []


def test_a_linked_item_that_comes_to_name_too_many_is_noted_as_it_loses_its_links(
    mentioning, key, project
):
    last = create(mentioning)
    item = mentioning.connected.issue(project, key(last), notify=False)
    mentioning.send(item)
    mentioning.fetch()
    many = " ".join(key(number) for number in range(1, 23))
    mentioning.gitlab.items.edit(item, description=many, notify=False)
    mentioning.send(item)
    mentioning.fetch()
    assert (mentioning.linked(), noted()) == ({}, [(TOO_MANY, "acme/app", "issue", 1)])


def test_the_gitlab_page_and_the_api_say_what_makes_no_link(app, mentioning, key, project):
    last = create(mentioning)
    mentioning.send(mentioning.connected.issue(project, f"For {key(last + 1)}", notify=False))
    many = " ".join(key(number) for number in range(1, 23))
    request = mentioning.connected.merge_request(project, "All", description=many, notify=False)
    mentioning.send(request)
    principal = mentioning.connected.factory.principal(mentioning.org, Role.ADMIN)
    admin = browser(app, principal.user_id)
    base = f"/orgs/{mentioning.org.id}/gitlab"
    assert "Some mentions make no link" in words(admin.get(base).text)
    text = words(admin.get(f"{base}/mentions").text)
    assert f"Mentions {key(last + 1)}, which does not exist yet." in text
    assert "Names more than 20 tasks, so it links none." in text
    listed = table_of(admin.get(f"{base}/pending-mentions.csv"))
    assert [(one["reference"], one["task"]) for one in listed] == [
        ("acme/app!1", ""),
        ("acme/app#1", key(last + 1)),
    ]
    address = f"/api/orgs/{mentioning.org.id}/integrations/gitlab/pending-mentions"
    first = admin.get(f"{address}?limit=1").json
    second = admin.get(f"{address}?cursor={first['next_cursor']}").json
    found = first["mentions"] + second["mentions"]
    expected = [("acme/app!1", None), ("acme/app#1", key(last + 1))]
    assert [(one["reference"], one["task"]) for one in found] == expected
    connection = connection_of(mentioning.org.id)
    seen = pending_mentions(mentioning.org.id, None, connection, limit=9)
    assert [one.reference for one in seen] == ["acme/app!1"]
    db.session.rollback()
