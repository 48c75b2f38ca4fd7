"""What goes wrong with one org is logged, and the jobs over all orgs go on with the others."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from rq.timeouts import JobTimeoutException
from sqlalchemy import Delete
from sqlalchemy.exc import DataError, OperationalError

from gitlab_links.clock import utcnow
from gitlab_links.deliveries.models import GitLabWebhookDelivery
from gitlab_links.extensions import database_breaker, db
from gitlab_links.health import missed_events, problems
from gitlab_links.health.models import HealthProblem
from gitlab_links.jobs import health_checks, sweeps
from gitlab_links.jobs.org_isolation import isolated
from gitlab_links.jobs.sweeps import sweep
from gitlab_links.links.models import GitLabItem
from gitlab_links.ops import gitlab_checks
from gitlab_links.ops.check_results import Level
from gitlab_links.ops.command import examine
from gitlab_links.sync import due_items
from tests.factories import Factory


@pytest.fixture
def orgs(app_context: Flask, factory: Factory) -> list[Any]:
    """Three orgs whose token was refused; nobody has noticed yet."""
    made = [factory.org(name=f"Org {number}") for number in range(3)]
    for org in made:
        factory.integration(
            org,
            token_ciphertext="x",
            error_code="auth_error",
            token_check_due_at=utcnow() + timedelta(days=20_000),
        )
    return made


def failing_for(org: Any, real: Any, of: Any) -> Any:
    """``real``, which fails where ``of`` says that it is about ``org``, as on unreadable rows."""

    def call(*arguments: Any, **options: Any) -> Any:
        if org.id in of(*arguments):
            raise DataError("SELECT", None, Exception("timestamp too large"))
        return real(*arguments, **options)

    return call


def noticed() -> set[Any]:
    return set(db.session.scalars(db.select(HealthProblem.org_id)))


def test_the_health_of_the_others_is_judged(
    orgs: list[Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = problems._changes
    monkeypatch.setattr(problems, "_changes", failing_for(orgs[1], real, lambda ids, _now: ids))
    health_checks.find_due_checks()
    assert noticed() == {orgs[0].id, orgs[2].id}
    assert str(orgs[1].id) in caplog.text and "job.step_failed" in caplog.text
    monkeypatch.undo()
    health_checks.find_due_checks()
    assert noticed() == {org.id for org in orgs}


def test_missed_events_of_the_others_are_counted(
    orgs: list[Any], factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ago = utcnow() - 2 * missed_events.GRACE
    for org in orgs:
        factory.gitlab_item(factory.gitlab_project(org), missed_since=long_ago)
    real = missed_events.note_missed
    monkeypatch.setattr(
        missed_events, "note_missed", failing_for(orgs[1], real, lambda org_id, *_: [org_id])
    )
    health_checks.find_due_checks()
    waiting = db.select(GitLabItem.org_id).where(GitLabItem.missed_since.is_not(None))
    assert db.session.scalars(waiting).all() == [orgs[1].id]


def test_deliveries_are_triggered_where_due_items_cannot_be_read(
    orgs: list[Any], factory: Factory, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    factory.delivery(orgs[0], status="received", due_at=utcnow())

    def fail(_now: Any) -> Any:
        raise DataError("SELECT", None, Exception("timestamp too large"))

    monkeypatch.setattr(due_items, "orgs_due", fail)
    sweep()
    assert redis.llen("rq:queue:deliveries") == 1


def test_doctor_examines_the_others(orgs: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    real = gitlab_checks.load
    monkeypatch.setattr(
        gitlab_checks, "load", failing_for(orgs[1], real, lambda org_id, _now: [org_id])
    )
    found = [one for one in examine() if one.about.startswith("GitLab of ")]
    levels = {(one.about, one.level) for one in found}
    assert (f"GitLab of Org 0 ({orgs[0].id})", Level.WARNING) in levels
    assert (f"GitLab of Org 1 ({orgs[1].id})", Level.FAILURE) in levels
    assert (f"GitLab of Org 2 ({orgs[2].id})", Level.WARNING) in levels


def test_the_end_of_a_job_is_not_one_orgs_trouble(app_context: Flask) -> None:
    with pytest.raises(JobTimeoutException), isolated("test"):
        raise JobTimeoutException
    database_breaker().missed()
    try:
        with pytest.raises(ZeroDivisionError), isolated("test"):
            raise ZeroDivisionError
    finally:
        database_breaker().found()


def test_what_is_past_its_time_is_cleared_behind_a_batch_that_fails(
    orgs: list[Any],
    factory: Factory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(sweeps, "CLEAN_BATCH", 1)
    long_ago = utcnow() - timedelta(days=400)
    for org in orgs:
        factory.delivery(org, status="processed", received_at=long_ago)
    execute = type(db.session()).execute

    def fail_once(session: Any, statement: Any, *arguments: Any, **options: Any) -> Any:
        if isinstance(statement, Delete) and "job.step_failed" not in caplog.text:
            raise OperationalError("DELETE", None, Exception("statement timeout"))
        return execute(session, statement, *arguments, **options)

    monkeypatch.setattr(type(db.session()), "execute", fail_once)
    sweeps.clean()
    monkeypatch.undo()
    assert db.session.scalar(db.select(db.func.count(GitLabWebhookDelivery.id))) == 1
