"""The status rules by the API."""

import pytest

from gitlab_links.accounts.roles import Role
from gitlab_links.extensions import db
from gitlab_links.rules.batch import MOST_A_MINUTE
from gitlab_links.rules.undo_and_pin import pin
from gitlab_links.tasks.models import TaskStatus
from tests.api.callers import program


@pytest.fixture
def api(untried, app, factory):
    return program(app, factory.api_key(untried.org))


@pytest.fixture
def base(untried):
    return f"/api/orgs/{untried.org.id}"


def test_rules_are_tried_read_and_switched_on(untried, project, api, base):
    task, mr = untried.task(), untried.merge_request(project)
    untried.attach(task, mr)
    untried.gitlab.state.items.merge(mr)
    untried.settle()
    assert api.post(f"{base}/status-rules/switch-on").json["code"] == "rules_not_tried"
    rules = api.post(f"{base}/status-rules/dry-run").json["rules"]
    assert (rules["mode"], rules["dry_run_complete"]) == ("trial", False)
    assert api.post(f"{base}/status-rules/switch-on").json["code"] == "dry_run_running"
    untried.settle()
    assert api.get(f"{base}/status-rules").json["rules"]["dry_run_complete"]

    page = api.get(f"{base}/status-rules/dry-run?outcome=done").json
    assert page["counts"]["done"] == 1
    [listed] = page["tasks"]
    assert (listed["id"], listed["outcome"], listed["status"]) == (str(task), "done", "open")
    [link] = listed["explanation"]["links"]
    assert (link["reference"], link["says"], link["counts"]) == ("acme/press!1", "merged", True)
    assert link["merged_by"] == "Administrator"
    assert api.get(f"{base}/status-rules/dry-run?outcome=starts").json["tasks"] == []

    assert api.post(f"{base}/status-rules/switch-on").json["rules"]["mode"] == "on"
    assert untried.status(task) == "open by hand"
    assert api.post(f"{base}/status-rules/switch-off").json["rules"]["mode"] == "off"


def test_a_task_explains_itself_and_is_undone(story, project, app, factory, base):
    api = program(app, factory.api_key(story.org, role=Role.MEMBER))
    task, mr = story.task(), story.merge_request(project)
    story.attach(task, mr)
    story.settle()
    found = api.get(f"{base}/tasks/{task}/status-explanation").json["explanation"]
    assert (found["rule"], found["former_status"]) == ("started", "open")
    assert [reason["says"] for reason in found["reasons"]] == ["open"]
    undone = api.post(f"{base}/tasks/{task}/undo-rule").json["task"]
    assert (undone["status"], undone["status_rule"]) == ("open", None)
    assert api.post(f"{base}/tasks/{task}/undo-rule").json["code"] == "nothing_to_undo"
    assert api.post(f"{base}/tasks/{task}/pin").status_code == 204
    assert api.get(f"{base}/tasks/{task}/status-explanation").json["explanation"]["pinned_at"]
    assert api.delete(f"{base}/tasks/{task}/pin").status_code == 204


def test_what_a_confidential_issue_says_is_withheld(story, project, app, factory, base):
    member = program(app, factory.api_key(story.org, role=Role.MEMBER))
    manager = program(app, factory.api_key(story.org, role=Role.PM))
    admin = program(app, factory.api_key(story.org))
    admin.patch(f"{base}/status-rules", json={"count_issues": True})
    story.settle()
    task = story.task()
    issue = story.issue(project, confidential=True)
    story.attach(task, issue)
    story.settle()
    story.gitlab.state.items.close(issue)
    story.make_due()
    story.settle()
    assert story.status(task) == "done by all_merged"
    path = f"{base}/tasks/{task}/status-explanation"
    seen, unseen = (caller.get(path).json["explanation"] for caller in (manager, member))
    assert [one["says"] for one in seen["links"] + seen["reasons"]] == ["issue_closed"] * 2
    assert [one["says"] for one in unseen["links"] + unseen["reasons"]] == [None, None]
    assert unseen["wanted"] is None


def test_bad_choices_are_refused_in_words(untried, api, base):
    answer = api.patch(f"{base}/status-rules", json={"branches": ["two words"]})
    assert answer.status_code == 422
    assert "release/*" in answer.json["errors"]["branches.0"][0]
    assert api.patch(f"{base}/status-rules", json={"wait_seconds": 9999}).status_code == 422


def test_too_many_changes_in_a_minute_stop_the_rules(story, project, app, factory, base):
    admin = program(app, factory.api_key(story.org))
    mr = story.merge_request(project)
    tasks = [story.task() for _ in range(MOST_A_MINUTE + 5)]
    for task in tasks:
        story.attach(task, mr)
    story.settle()
    changed = [task for task in tasks if story.status(task) == "in_progress by started"]
    assert len(changed) == MOST_A_MINUTE
    rules = admin.get(f"{base}/status-rules").json["rules"]
    assert rules["mode"] == "stopped"
    assert rules["stopped_at"]
    codes = [
        one["code"]
        for one in admin.get(f"{base}/integrations/gitlab/health").json["health"]["findings"]
    ]
    assert "rules_stopped" in codes
    left = admin.get(f"{base}/status-rules/dry-run?outcome=held").json
    assert left["counts"]["held"] == len(left["tasks"]) == 5

    assert admin.post(f"{base}/status-rules/switch-on").json["rules"]["mode"] == "on"
    story.settle()
    assert len([task for task in tasks if story.status(task) == "open by hand"]) == 5
    assert admin.post(f"{base}/status-rules/apply-held").json["code"] == "rules_not_stopped"
    assert admin.get(f"{base}/status-rules/dry-run").json["counts"]["held"] == 0
    db.session.rollback()


@pytest.mark.slow
def test_changes_from_before_the_clock_was_set_back_are_not_of_this_minute(story, project):
    mr = story.merge_request(project)
    for tasks in (MOST_A_MINUTE - 10, 20):
        for task in [story.task() for _ in range(tasks)]:
            story.attach(task, mr)
        story.settle()
        story.clock.advance(60)
    story.clock.advance(-3600)
    last = story.task()
    story.attach(last, mr)
    story.settle()
    assert story.status(last) == "in_progress by started"


@pytest.mark.slow
def test_what_the_rules_kept_back_is_applied_and_overrules_nobody(
    story, project, app, factory, base
):
    admin = program(app, factory.api_key(story.org))
    shared, dropped = story.merge_request(project), story.merge_request(project)
    changed = [story.task() for _ in range(MOST_A_MINUTE)]
    left = [story.task() for _ in range(MOST_A_MINUTE + 3)]
    decided, pinned, settled = (story.task() for _ in range(3))
    for task in (*changed, *left, decided, pinned):
        story.attach(task, shared)
    story.attach(settled, dropped)
    story.settle()
    assert admin.get(f"{base}/status-rules").json["rules"]["mode"] == "stopped"
    counts = admin.get(f"{base}/status-rules/dry-run").json["counts"]
    assert counts["held"] == len(left) + 3

    for status in (TaskStatus.DONE, TaskStatus.OPEN):  # a person decides that it stays open
        story.set(decided, status)
    pin(story.principal, pinned)
    db.session.commit()
    story.happen(story.gitlab.state.items.close, dropped)
    story.settle()
    story.clock.advance(60)
    rules = admin.post(f"{base}/status-rules/apply-held").json["rules"]
    assert (rules["mode"], rules["stopped_at"]) == ("on", None)
    story.apply()
    assert {story.status(task) for task in left} == {"in_progress by started"}
    assert {story.status(task) for task in (decided, pinned, settled)} == {"open by hand"}
    another = story.task()
    story.attach(another, shared)
    story.apply()
    assert story.status(another) == "in_progress by started", "what was applied does not count"


def test_if_match_compares_what_people_choose(untried, api, base):
    where = f"{base}/status-rules"
    untried.task()
    api.post(f"{where}/dry-run")
    read = api.get(where).headers["ETag"]
    untried.settle()
    assert api.get(where).headers["ETag"] != read
    changed = api.patch(where, json={"branches": ["stable"]}, headers={"If-Match": read})
    assert changed.status_code == 200
    late = api.patch(where, json={"branches": ["main"]}, headers={"If-Match": read})
    assert (late.status_code, late.json["code"]) == (412, "precondition_failed")
    assert api.get(where).json["rules"]["branches"] == ["stable"]
