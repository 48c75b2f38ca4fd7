"""Looking at tasks takes a fixed number of statements."""

import pytest

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
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
