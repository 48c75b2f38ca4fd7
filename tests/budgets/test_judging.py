"""Judging how connections fare costs as much for thirty orgs as for three."""

from datetime import timedelta

import pytest

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.health.models import HealthProblem
from gitlab_links.jobs.health_checks import find_due_checks
from gitlab_links.observations.models import GitLabProjectWatch
from tests.statements import statements

pytestmark = pytest.mark.differs_by_database

FEW, MANY = 3, 30


@pytest.fixture
def connected_orgs(app, factory, link_many):
    """Makes so many orgs, each with a project whose hook GitLab has disabled."""

    def make(count):
        for _ in range(count):
            org = factory.org()
            factory.integration(
                org,
                token_ciphertext="of some token",
                token_check_due_at=utcnow() + timedelta(days=20_000),
            )
            project = factory.gitlab_project(org)
            link_many(org, project, 3)
            factory.add(
                GitLabProjectWatch(
                    org_id=org.id,
                    project_id=project.id,
                    state="disabled",
                    events_missing=[],
                    checked_at=utcnow(),
                    last_event_at=utcnow(),
                    check_due_at=utcnow() + timedelta(days=20_000),
                )
            )

    return make


@pytest.mark.slow
def test_a_look_at_thirty_orgs_takes_as_many_statements_as_one_at_three(app, connected_orgs):
    counts = []
    for more in (FEW, MANY - FEW):
        connected_orgs(more)
        with app.app_context():
            find_due_checks()  # what is wrong is written down
            with statements(app) as sent:
                find_due_checks()
            told = db.session.scalars(db.select(HealthProblem.code)).all()
        counts.append((len(sent), len(told)))
    (few, told_of_few), (many, told_of_many) = counts
    assert (told_of_few, told_of_many) == (FEW, MANY)
    assert few == many <= 16
    assert {statement.split()[0] for statement, _ in sent} == {"SELECT"}


def test_orgs_beyond_one_batch_are_judged_as_well(app, connected_orgs, monkeypatch):
    monkeypatch.setattr("gitlab_links.jobs.health_checks.ORGS_AT_ONCE", 2)
    connected_orgs(FEW)
    with app.app_context():
        find_due_checks()
        told = db.session.scalars(db.select(HealthProblem.org_id)).all()
    assert len(set(told)) == FEW
