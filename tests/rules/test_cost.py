"""Looking at tasks takes a fixed number of statements."""

import pytest

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.job_triggers import JobKind
from gitlab_links.jobs import drains
from gitlab_links.rules.evaluation import apply_rules
from tests.statements import statements

pytestmark = pytest.mark.differs_by_database


def test_many_tasks_take_as_many_statements_as_one(story, project, app):
    counts = []
    for many in (1, 30):
        tasks = [story.task() for _ in range(many)]
        mr = story.merge_request(project)
        for task in tasks:
            story.attach(task, mr)
        story.fetch()
        with statements(app) as sent:
            assert apply_rules(story.org.id, utcnow()) == many
            db.session.commit()
        assert {story.status(task) for task in tasks} == {"in_progress by started"}
        counts.append(len(sent))
    assert counts[0] == counts[1] <= 12


def test_a_burst_of_webhooks_takes_one_job_of_the_rules_after_its_last_batch(
    story, project, redis, monkeypatch
):
    items = [story.merge_request(project) for _ in range(2)]
    for item in items:
        story.attach(story.task(), item)
    story.settle()
    triggered = []
    monkeypatch.setattr(drains, "trigger", lambda kind, _: triggered.append(kind))
    for item in items:
        story.gitlab.state.items.merge(item)
        story.clock.advance(1)
        story.receive(story.body(item), secret=story.own_secret(project))
    drains.drain_slice(story.org.id)
    assert triggered.count(JobKind.APPLY_RULES) == 1
    assert not redis.exists(JobKind.APPLY_RULES.flag(story.org.id))
