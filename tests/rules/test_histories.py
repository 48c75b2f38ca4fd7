"""Histories that people complain about elsewhere, each to the end that a person expects."""

import random

import pytest
from sqlalchemy import select

from gitlab_links.accounts.models import Org
from gitlab_links.audit.models import AuditEvent
from gitlab_links.extensions import db
from gitlab_links.gitlab.snapshot import ItemText
from gitlab_links.links.models import GitLabItem
from gitlab_links.mentions.attaching import attach_mentioned
from gitlab_links.mentions.org_patterns import org_pattern
from gitlab_links.mentions.reading import read_mentions
from gitlab_links.rules.changes import RulesChange, change_rules
from gitlab_links.rules.undo_and_pin import NothingToUndo, pin, undo, unpin
from gitlab_links.tasks.models import Task, TaskStatus


@pytest.fixture
def items(story):
    return story.gitlab.state.items


def writes(task_id):
    """What rules wrote, in its order."""
    details = db.session.scalars(
        select(AuditEvent.detail)
        .where(AuditEvent.target_id == str(task_id), AuditEvent.actor_kind == "rule")
        .order_by(AuditEvent.id)
    ).all()
    db.session.rollback()
    return [detail["status"] for detail in details]


def test_an_open_merge_request_starts_the_task(story, project):
    task = story.task()
    story.attach(task, story.merge_request(project))
    story.settle()
    assert story.status(task) == "in_progress by started"


@pytest.mark.differs_by_database
def test_a_task_is_done_with_its_last_merge_and_not_before(story, project, items):
    task = story.task()
    merge_requests = [story.merge_request(project) for _ in range(3)]
    story.attach(task, *merge_requests)
    story.settle()
    for mr in merge_requests[:2]:
        story.happen(items.merge, mr)
        story.settle()
        assert story.status(task) == "in_progress by started"
    story.happen(items.merge, merge_requests[2])
    assert story.status(task) == "in_progress by started", "it waits for more news first"
    story.settle()
    assert story.status(task) == "done by all_merged"
    assert writes(task) == ["in_progress", "done"]


def test_one_merge_ends_every_task_it_is_linked_to(story, project, items):
    mr = story.merge_request(project)
    tasks = [story.task() for _ in range(12)]
    for task in tasks:
        story.attach(task, mr)
    story.settle()
    story.happen(items.merge, mr)
    story.settle()
    assert {story.status(task) for task in tasks} == {"done by all_merged"}


def test_closed_then_merged_is_done(story, project, items):
    task, mr = story.task(), story.merge_request(project)
    story.attach(task, mr)
    story.settle()
    items.close(mr)
    closed = story.body(mr, "close")
    items.reopen(mr)
    story.clock.advance(1)
    items.merge(mr)
    story.deliver(story.body(mr, "merge"), closed)
    story.settle()
    assert story.status(task) == "done by all_merged"
    assert writes(task) == ["in_progress", "done"]


def test_closed_without_a_merge_changes_nothing(story, project, items):
    task, mr = story.task(), story.merge_request(project)
    story.attach(task, mr)
    story.settle()
    story.happen(items.close, mr)
    story.settle()
    assert story.status(task) == "in_progress by started"


def test_one_closed_and_one_merged_is_done(story, project, items):
    task = story.task()
    dropped, kept = story.merge_request(project), story.merge_request(project)
    story.attach(task, dropped, kept)
    story.settle()
    story.happen(items.merge, kept)
    story.happen(items.close, dropped)
    story.settle()
    assert story.status(task) == "done by all_merged"


def test_a_new_merge_request_takes_back_what_a_rule_made_done(story, project, items):
    task, mr = story.task(), story.merge_request(project)
    story.attach(task, mr)
    story.settle()
    story.happen(items.merge, mr)
    story.settle()
    story.attach(task, story.merge_request(project))
    story.settle()
    assert story.status(task) == "in_progress by reopened"


def test_a_new_merge_request_does_not_take_back_what_a_person_made_done(story, project):
    task = story.task()
    story.set(task, TaskStatus.DONE)
    story.attach(task, story.merge_request(project))
    story.settle()
    assert story.status(task) == "done by hand"


def test_a_status_set_by_hand_stands_until_something_else_is_wanted(story, project, items):
    task, mr = story.task(), story.merge_request(project)
    story.attach(task, mr)
    story.settle()
    story.set(task, TaskStatus.OPEN)
    story.happen(items.edit, mr, title="Another title")
    story.attach(task, story.merge_request(project))
    story.settle()
    assert story.status(task) == "open by hand"


def test_a_draft_starts_nothing_and_keeps_a_task_from_being_done(story, project, items):
    task = story.task()
    draft = story.merge_request(project, title="Draft: Rollers")
    story.attach(task, draft)
    story.settle()
    assert story.status(task) == "open by hand"
    merged = story.merge_request(project)
    story.attach(task, merged)
    story.settle()
    story.happen(items.merge, merged)
    story.settle()
    assert story.status(task) == "in_progress by started"
    story.happen(items.edit, draft, title="Rollers")
    story.happen(items.merge, draft)
    story.settle()
    assert story.status(task) == "done by all_merged"


def test_only_merges_into_allowed_branches_finish(story, items):
    project = story.project("acme/web")
    into_topic = story.merge_request(project, target_branch="topic")
    into_release = story.merge_request(project, target_branch="release/7")
    change_rules(story.admin, RulesChange(branches=["release/*"]))
    db.session.commit()
    story.settle()
    first, second = story.task(), story.task()
    story.attach(first, into_topic)
    story.attach(second, into_release)
    story.settle()
    story.happen(items.merge, into_topic)
    story.happen(items.merge, into_release)
    story.settle()
    assert story.status(first) == "in_progress by started"
    assert story.status(second) == "done by all_merged"


def test_a_lost_webhook_is_made_up_for_by_polling(story, project, items):
    task, mr = story.task(), story.merge_request(project)
    story.attach(task, mr)
    story.settle()
    items.merge(mr)
    story.make_due()
    story.settle()
    assert story.status(task) == "done by all_merged"


def test_an_issue_counts_only_if_the_org_wants_it(story, project, items):
    task, issue = story.task(), story.issue(project)
    story.attach(task, issue)
    story.settle()
    items.close(issue)
    story.make_due()
    story.settle()
    assert story.status(task) == "open by hand"
    change_rules(story.admin, RulesChange(count_issues=True))
    db.session.commit()
    story.settle()
    assert story.status(task) == "open by hand", "choosing writes nothing"
    other, second = story.task(), story.issue(project)
    story.attach(other, second)
    story.settle()
    items.close(second)
    story.make_due()
    story.settle()
    assert story.status(other) == "done by all_merged"


def test_switching_on_writes_nothing(untried, project):
    items = untried.gitlab.state.items
    tasks = [untried.task() for _ in range(4)]
    merge_requests = [untried.merge_request(project) for _ in tasks]
    for task, mr in zip(tasks, merge_requests, strict=True):
        untried.attach(task, mr)
    for mr in merge_requests[:2]:
        items.merge(mr)
    untried.settle()
    untried.switch_on()
    untried.settle()
    untried.happen(items.edit, merge_requests[3], title="Another")
    untried.settle()
    assert {untried.status(task) for task in tasks} == {"open by hand"}
    untried.happen(items.merge, merge_requests[2])
    untried.settle()
    assert untried.status(tasks[2]) == "done by all_merged"


def test_choosing_other_rules_writes_nothing(story, project, items):
    task, mr = story.task(), story.merge_request(project, target_branch="topic")
    story.attach(task, mr)
    story.settle()
    story.happen(items.merge, mr)
    story.settle()
    change_rules(story.admin, RulesChange(branches=["*"]))
    db.session.commit()
    story.settle()
    assert story.status(task) == "in_progress by started"


def test_undo_holds_until_something_else_is_wanted(story, project, items):
    task, mr = story.task(), story.merge_request(project)
    story.attach(task, mr)
    story.settle()
    story.happen(items.merge, mr)
    story.settle()
    undo(story.principal, task)
    db.session.commit()
    assert story.status(task) == "in_progress by hand"
    with pytest.raises(NothingToUndo):
        undo(story.principal, task)
    db.session.rollback()
    story.happen(items.edit, mr, title="Another title")
    story.make_due()
    story.settle()
    assert story.status(task) == "in_progress by hand"
    another = story.merge_request(project)
    story.attach(task, another)
    story.settle()
    story.happen(items.merge, another)
    story.settle()
    assert story.status(task) == "done by all_merged"


def test_a_pin_keeps_the_rules_off(story, project, items):
    task, mr = story.task(), story.merge_request(project)
    pin(story.principal, task)
    db.session.commit()
    story.attach(task, mr)
    story.settle()
    story.happen(items.merge, mr)
    story.settle()
    assert story.status(task) == "open by hand"
    unpin(story.principal, task)
    db.session.commit()
    story.settle()
    assert story.status(task) == "open by hand", "nothing has changed since"


def test_a_deleted_item_never_makes_a_task_done(story, project, items):
    task = story.task()
    gone, merged = story.merge_request(project), story.merge_request(project)
    story.attach(task, gone, merged)
    story.settle()
    items.delete(gone)
    story.happen(items.merge, merged)
    story.make_due()
    story.settle()
    assert story.status(task) == "in_progress by started"


def named(story, task_id):
    """What people call the task in GitLab."""
    key = db.session.execute(
        select(Org.task_key, Task.number)
        .join(Task, Task.org_id == Org.id)
        .where(Task.id == task_id)
    ).one()
    db.session.rollback()
    return f"{key.task_key}-{key.number}"


def announce(story, *items):
    """GitLab's webhook says that they were opened; what they mention is linked."""
    story.clock.advance(1)
    story.deliver(*(story.body(item, "open") for item in items))
    story.settle()


def test_a_merge_request_that_closes_the_task_counts_and_one_that_names_it_does_not(
    story, project, items
):
    task = story.task()
    closing = story.merge_request(project, description=f"Closes {named(story, task)}")
    naming = story.merge_request(project, title=f"Prepare {named(story, task)}")
    announce(story, naming)
    assert story.status(task) == "open by hand"
    announce(story, closing)
    assert story.status(task) == "in_progress by started"
    story.happen(items.merge, closing)
    story.settle()
    assert story.status(task) == "done by all_merged", "the other one does not count"


def test_a_key_in_a_revert_does_not_reopen_the_task(story, project, items):
    task = story.task()
    mr = story.merge_request(project, description=f"Closes {named(story, task)}")
    announce(story, mr)
    story.happen(items.merge, mr)
    story.settle()
    revert = story.merge_request(
        project, title=f'Revert "{named(story, task)}"', description=f"Closes {named(story, task)}"
    )
    announce(story, revert)
    assert story.status(task) == "done by all_merged"


def test_a_strangers_merge_request_from_a_fork_counts_once_it_is_merged(story, project, items):
    task, fork = story.task(), story.project("stranger/press")
    mr = story.merge_request(project, fork=fork, description=f"Closes {named(story, task)}")
    announce(story, mr)
    assert story.status(task) == "open by hand"
    story.happen(items.merge, mr)
    story.settle()
    assert story.status(task) == "done by all_merged"


def test_a_mention_that_is_taken_back_counts_no_more(story, project, items):
    task = story.task()
    done = story.merge_request(project, description=f"Closes {named(story, task)}")
    open_still = story.merge_request(project, description=f"Closes {named(story, task)}")
    announce(story, done, open_still)
    story.happen(items.merge, done)
    story.settle()
    assert story.status(task) == "in_progress by started"
    story.happen(items.edit, open_still, description="Something else")
    story.settle()
    assert story.status(task) == "done by all_merged"


def test_a_bot_merges_like_a_person(story, project, items):
    bot = story.gitlab.state.people.add_user("merge-bot", "Merge bot", bot=True)
    task, mr = story.task(), story.merge_request(project)
    story.attach(task, mr)
    story.settle()
    story.happen(items.merge, mr, by=bot)
    story.settle()
    assert story.status(task) == "done by all_merged"


def test_what_a_backfill_links_triggers_nothing(story, project, items):
    task, other = story.task(), story.task()
    old = story.merge_request(project, title=f"For {named(story, task)}")
    story.attach(other, old)
    story.settle()
    items.merge(old)
    story.make_due()
    story.settle()
    with story.app.app_context():
        row = db.session.scalars(select(GitLabItem)).one()
        row.mentions = read_mentions(
            ItemText(description=f"Closes {named(story, task)}"), org_pattern(story.org.id)
        )
        attach_mentioned(story.org.id, [row], backfilled=True)
        db.session.commit()
    story.settle()
    assert story.status(task) == "open by hand"
    another = story.merge_request(project)
    story.attach(task, another)
    story.settle()
    assert story.status(task) == "in_progress by started", "what comes after it counts"


@pytest.mark.slow
@pytest.mark.only_on("sqlite")
def test_the_order_of_events_does_not_matter(story, project, items):
    """A thousand tasks, the events of each in an order of their own, some repeated and some lost,
    by the project's own hook or by the shared secret: one end, and each task is written at most
    once for each change of what is wanted.
    """
    tasks = [story.task() for _ in range(1000)]
    shuffler = random.Random(24)
    for start in range(0, 1000, 40):
        _shuffled(story, project, items, tasks[start : start + 40], shuffler)


def _shuffled(story, project, items, tasks, shuffler):
    merge_requests = {}
    sent = []
    for task in tasks:
        mr, other = story.merge_request(project), story.merge_request(project)
        merge_requests[task] = (mr, other)
        story.attach(task, mr, other)
    story.fetch()
    story.apply()
    story.clock.advance(60)  # no more than fifty tasks change in a minute
    for mr, other in merge_requests.values():
        for change, item in (
            (items.close, mr),
            (items.reopen, mr),
            (items.merge, other),
            (items.merge, mr),
        ):
            change(item)
            sent.append(story.body(item))
    shuffler.shuffle(sent)
    lost = set(shuffler.sample(range(len(sent)), len(sent) // 5))
    kept = [body for index, body in enumerate(sent) if index not in lost]
    kept += shuffler.sample(kept, len(kept) // 5)
    own = story.own_secret(project)
    for start in range(0, len(kept), 40):
        story.deliver(*kept[start : start + 40], secret=shuffler.choice([own, None]))
    story.make_due()
    story.settle()
    assert {story.status(task) for task in tasks} == {"done by all_merged"}
    for task in tasks:
        assert writes(task) == ["in_progress", "done"]
    story.clock.advance(60)
