"""Rules act on what is proven: a body by the shared secret waits until GitLab confirms it."""

import pytest

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.rules.changes import RulesChange, change_rules
from gitlab_links.rules.explanations import explain
from gitlab_links.tasks.queries import find_task
from tests.rules.test_histories import writes


@pytest.fixture
def eager(story):
    """An org whose rules wait for no further news."""
    change_rules(story.admin, RulesChange(wait_seconds=0))
    db.session.commit()
    story.settle()
    return story


def go_away(story):
    story.gitlab.state.faults.answer("status", status=503, times=None)


def come_back(story):
    story.gitlab.state.faults.clear()
    story.clock.advance(600)
    story.make_due()
    story.settle()


def forged(story, item, **attributes):
    """What somebody with the shared secret sends about an item that is not so."""
    body = story.body(item)
    story.clock.advance(1)
    body["object_attributes"] |= {"updated_at": utcnow().isoformat(), **attributes}
    return body


def said(story, task):
    explanation = explain(Visibility.of(story.admin), find_task(story.org.id, task))
    db.session.rollback()
    return [link.says.value for link in explanation.links]


def test_forged_events_change_no_status_while_gitlab_is_away(eager, project):
    story, items = eager, eager.gitlab.state.items
    closed, draft, running, finished = (story.merge_request(project) for _ in range(4))
    items.close(closed)
    items.edit(draft, title="Draft: Rollers")
    tasks = [story.task() for _ in range(4)]
    for task, item in zip(tasks, (closed, draft, running, finished), strict=True):
        story.attach(task, item)
    story.settle()
    items.merge(finished)
    story.make_due()
    story.settle()
    before = [story.status(task) for task in tasks]
    assert before == ["open by hand"] * 2 + ["in_progress by started", "done by all_merged"]
    written = [writes(task) for task in tasks]

    go_away(story)
    story.deliver(
        forged(story, closed, state="opened"),
        forged(story, draft, title="Rollers", draft=False, work_in_progress=False),
        forged(story, running, state="merged"),
        forged(story, finished, state="opened"),
    )
    story.settle()
    assert [said(story, task) for task in tasks] == [["unproven"]] * 4
    assert [story.status(task) for task in tasks] == before
    come_back(story)
    assert [said(story, task) for task in tasks] == [["closed"], ["draft"], ["open"], ["merged"]]
    assert [writes(task) for task in tasks] == written


def test_what_gitlab_confirms_later_is_acted_on_then(eager, project):
    story, task, mr = eager, eager.task(), eager.merge_request(project)
    story.attach(task, mr)
    story.settle()
    story.gitlab.state.items.merge(mr)
    go_away(story)
    story.clock.advance(1)
    story.deliver(story.body(mr, "merge"))
    story.settle()
    assert story.status(task) == "in_progress by started"
    come_back(story)
    assert story.status(task) == "done by all_merged"
    assert writes(task) == ["in_progress", "done"]


def test_what_the_projects_own_hook_says_is_acted_on_at_once(eager, project):
    story, task, mr = eager, eager.task(), eager.merge_request(project)
    story.attach(task, mr)
    story.settle()
    secret = story.own_secret(project)
    story.gitlab.state.items.merge(mr)
    go_away(story)
    story.clock.advance(1)
    story.deliver(story.body(mr, "merge"), secret=secret)
    assert story.status(task) == "done by all_merged"
    story.deliver(forged(story, mr, state="opened"))
    story.settle()
    assert story.status(task) == "done by all_merged"
    come_back(story)
    assert writes(task) == ["in_progress", "done"]
