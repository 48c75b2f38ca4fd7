"""The timeline of a task, by API and page: all of what happened, in words, for who may read it."""

import pytest
from sqlalchemy import update

from gitlab_links.accounts.models import User
from gitlab_links.accounts.roles import Role
from gitlab_links.events.models import Event
from gitlab_links.extensions import db
from gitlab_links.rules.undo_and_pin import pin, undo
from gitlab_links.tasks.changes import create_task, update_task
from gitlab_links.tasks.models import TaskStatus
from tests.api.callers import browser, program
from tests.pages.markup import text_of


@pytest.fixture
def task(story):
    made = create_task(story.principal, "Print again").id
    db.session.commit()
    return made


@pytest.fixture
def api(story, app, factory):
    """Reads the timeline of a task as somebody with a role."""

    def read(task_id, role=Role.MEMBER, query=""):
        caller = program(app, factory.api_key(story.org, role=role))
        answer = caller.get(f"/api/orgs/{story.org.id}/tasks/{task_id}/events{query}")
        assert answer.status_code == 200
        return answer.json

    return read


@pytest.fixture
def page(story, app):
    """The text of the timeline's page."""

    def read(task_id, query=""):
        caller = browser(app, story.principal.user_id)
        return text_of(caller.get(f"/orgs/{story.org.id}/tasks/{task_id}/timeline{query}"))

    return read


@pytest.fixture
def name(story, app_context):
    return db.session.get_one(User, story.principal.user_id).name


def types(answer):
    return [event["type"] for event in answer["events"]]


def test_a_type_of_a_newer_release_is_named(task, api, page, name):
    db.session.execute(update(Event).values(type="task.moved_elsewhere"))
    db.session.commit()
    assert types(api(task)) == ["task.moved_elsewhere"]
    assert f"{name} task moved elsewhere" in page(task)


def test_everything_is_there_in_words(story, task, project, api, page, name):
    items = story.gitlab.state.items
    update_task(story.principal, task, {"title": "Print once more", "description": "Soon"})
    db.session.commit()
    mr = story.merge_request(project)
    story.attach(task, mr)
    story.settle()
    story.happen(items.merge, mr)
    story.settle()
    undo(story.principal, task)
    pin(story.principal, task)
    db.session.commit()
    assert types(api(task)) == [
        "task.pinned",
        "task.status_changed",
        "task.status_changed",
        "link.changed",
        "task.status_changed",
        "link.changed",
        "link.created",
        "task.edited",
        "task.created",
    ]
    text = page(task)
    for said in (
        f"{name} created the task.",
        f"{name} changed description and title.",
        f"{name} linked acme/press!1.",
        "acme/press!1 was read from GitLab: open.",
        "The rule “started” set the status from Open to In progress, because of acme/press!1.",
        "acme/press!1 was merged.",
        "The rule “all merged” set the status from In progress to Done, because of acme/press!1.",
        f"{name} undid the rule “all merged”: from Done to In progress.",
        f"{name} pinned the status: no rule changes it.",
    ):
        assert said in text, said


def test_an_event_by_a_rule_has_it_as_actor_and_cause(story, task, project, api):
    story.attach(task, story.merge_request(project))
    story.settle()
    [event] = api(task, query="?types=task.status_changed")["events"]
    assert event["data"]["actor"] == {"kind": "rule", "user_id": None, "api_key_id": None}
    assert event["data"]["cause"] == {"kind": "rule", "rule": "started"}
    assert event["data"]["changes"] == {"status": ["open", "in_progress"]}


def test_a_merge_says_by_whom_where_gitlab_does(story, task, project, api, page):
    items = story.gitlab.state.items
    by_hook, by_fetch = story.merge_request(project), story.merge_request(project)
    story.attach(task, by_hook, by_fetch)
    story.settle()
    items.merge(by_hook)
    story.deliver(story.body(by_hook, "merge"))
    items.merge(by_fetch)
    story.make_due()
    story.settle()
    merges = [
        event["data"]["detail"]
        for event in api(task, query="?types=link.changed")["events"]
        if event["data"]["changes"].get("state") == ["opened", "merged"]
    ]
    person = {"merged_by": {"username": "root", "name": "Administrator"}}
    assert merges == [person, person]
    for number in (1, 2):
        assert f"acme/press!{number} was merged by Administrator." in page(task)


def test_a_cursor_goes_on_where_a_page_ends(story, task, api):
    for number in range(5):
        update_task(story.principal, task, {"title": f"Title {number}"})
        db.session.commit()
    whole = api(task)["events"]
    first = api(task, query="?limit=2")
    second = api(task, query=f"?limit=4&cursor={first['next_cursor']}")
    assert first["events"] + second["events"] == whole
    assert second["next_cursor"] is None


def test_what_became_confidential_is_withheld_with_its_past(story, task, project, api, page):
    items = story.gitlab.state.items
    issue = story.issue(project)
    story.attach(task, issue)
    story.settle()
    story.happen(items.edit, issue, title="Nothing secret yet")
    story.settle()
    assert "link.changed" in types(api(task))
    items.edit(issue, confidential=True, title="Top secret")
    story.make_due()
    story.settle()
    seen = api(task, Role.PM)
    assert "Top secret" in str(seen)
    unseen = api(task)
    assert "link.changed" not in types(unseen)
    assert "Nothing secret" not in str(unseen)
    assert "link.created" in types(unseen)
    assert "secret" not in page(task, "?topic=all")
    assert "is confidential now" not in page(task, "?topic=all")


def test_the_page_is_filtered_and_shows_what_matters_first(story, task, project, page):
    items = story.gitlab.state.items
    mr = story.merge_request(project)
    story.attach(task, mr)
    story.settle()
    story.happen(items.edit, mr, title="Another title")
    assert "changed: title" not in page(task)
    assert "changed: title" in page(task, "?topic=gitlab")
    assert "created the task" in page(task)
    assert "created the task" not in page(task, "?topic=links")
    assert "linked acme/press!1" in page(task, "?topic=links")
    assert "set the status" in page(task, "?topic=status")
    story.set(task, TaskStatus.DONE)
    assert "set the status from In progress to Done" in page(task, "?topic=status")
    assert "No entry matches" not in page(task, "?topic=nonsense")


def test_an_approval_matters_and_another_merge_status_does_not(story, task, project, page):
    items = story.gitlab.state.items
    mr = story.merge_request(project, mergeability="not_approved")
    story.attach(task, mr)
    story.settle()
    story.happen(items.edit, mr, mergeability="mergeable")
    story.settle()
    assert "acme/press!1 is approved." in page(task)
    story.happen(items.edit, mr, mergeability="conflict")
    story.settle()
    assert "has another merge status" not in page(task)
    assert "has another merge status" in page(task, "?topic=all")


def test_an_open_page_asks_and_gets_only_what_changed(story, task, app):
    caller = browser(app, story.principal.user_id)
    path = f"/orgs/{story.org.id}/tasks/{task}/timeline"
    part = {"X-Fragment": "timeline"}
    first = caller.get(path, headers=part)
    assert (
        caller.get(path, headers={**part, "If-None-Match": first.headers["ETag"]}).status_code
        == 304
    )
    story.set(task, TaskStatus.DONE)
    second = caller.get(path, headers={**part, "If-None-Match": first.headers["ETag"]})
    assert "to Done" in second.text


@pytest.mark.parametrize(("role", "status"), [(Role.MEMBER, 200), (Role.CLIENT, 403)])
def test_who_may_not_see_links_sees_no_timeline(app, factory, role, status):
    org = factory.org()
    task = factory.task(org)
    caller = browser(app, factory.membership(org, role).user_id)
    path = f"/orgs/{org.id}/tasks/{task.id}"
    assert caller.get(f"{path}/timeline").status_code == status
    assert ("Timeline" in text_of(caller.get(path))) is (status == 200)


def test_another_orgs_timeline_is_not_found(app, factory):
    org = factory.org()
    task = factory.task(org)
    elsewhere = browser(app, factory.membership(factory.org(), Role.ADMIN).user_id)
    assert elsewhere.get(f"/orgs/{org.id}/tasks/{task.id}/timeline").status_code == 404
    assert browser(app, factory.user().id).get(f"/orgs/{org.id}/status-rules").status_code == 404
