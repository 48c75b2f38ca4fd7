"""Tasks get numbers without gaps or doubles, however many are made at once."""

import threading

import pytest
from flask import Flask
from sqlalchemy import select

from gitlab_links.accounts.models import Org
from gitlab_links.audit.models import ActorKind, AuditEvent
from gitlab_links.clock import utcnow
from gitlab_links.errors import NotFound
from gitlab_links.extensions import db
from gitlab_links.tasks.changes import create_task, delete_task, update_task
from gitlab_links.tasks.models import Task, TaskStatus
from gitlab_links.tasks.queries import find_task
from tests.factories import Factory, unknown_id

pytestmark = pytest.mark.differs_by_database

AT_ONCE, EACH = 4, 8


def test_numbers_are_never_given_twice(app: Flask, factory: Factory) -> None:
    org = factory.org(task_key="ACME")
    principal = factory.principal(org)
    started = threading.Barrier(AT_ONCE)

    def make() -> None:
        started.wait()
        for _ in range(EACH):
            with app.app_context():
                create_task(principal, "x")
                db.session.commit()

    threads = [threading.Thread(target=make) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with app.app_context():
        numbers = sorted(db.session.scalars(db.select(Task.number)))
        assert numbers == list(range(1, AT_ONCE * EACH + 1))
        assert db.session.get_one(Org, org.id).last_task_number == AT_ONCE * EACH


def test_a_task_that_was_not_kept_leaves_no_gap(app: Flask, factory: Factory) -> None:
    principal = factory.principal(factory.org(task_key="ACME"))
    with app.app_context():
        create_task(principal, "x")
        db.session.rollback()
        assert create_task(principal, "y").reference == "ACME-1"


def test_only_what_is_given_changes(app: Flask, factory: Factory) -> None:
    org = factory.org()
    task = factory.task(org, title="a", description="b", external_url="https://c.example")
    principal = factory.principal(org)
    with app.app_context():
        view = update_task(principal, task.id, {"status": TaskStatus.DONE, "number": 99})
        assert (view.title, view.description, view.status) == ("a", "b", TaskStatus.DONE)
        assert view.external_url == "https://c.example"
        assert view.reference.endswith(f"-{task.number}")
        before = view.updated_at
        assert update_task(principal, task.id, {}).updated_at == before
        assert before <= utcnow()


def test_another_orgs_task_is_unknown(app: Flask, factory: Factory) -> None:
    task, stranger = factory.task(factory.org()), factory.principal(factory.org())
    with app.app_context():
        for task_id in (task.id, unknown_id()):
            with pytest.raises(NotFound):
                find_task(stranger.org_id, task_id)
            with pytest.raises(NotFound):
                update_task(stranger, task_id, {"title": "mine"})
            with pytest.raises(NotFound):
                delete_task(stranger, task_id)


def test_the_audit_log_says_who_made_changed_and_deleted_a_task(
    app: Flask, factory: Factory
) -> None:
    principal = factory.principal(factory.org(task_key="ACME"))
    with app.app_context():
        task = create_task(principal, "Ship it")
        update_task(
            principal, task.id, {"status": "done", "title": "Ship it", "description": "How"}
        )
        update_task(principal, task.id, {"status": "done"})
        delete_task(principal, task.id)
        db.session.commit()
        events = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()
    assert {(event.actor_user_id, event.kind) for event in events} == {
        (principal.user_id, ActorKind.PERSON)
    }
    assert [(event.action, event.detail) for event in events] == [
        ("task.created", {"task": "ACME-1", "title": "Ship it"}),
        ("task.updated", {"task": "ACME-1", "status": "done", "description": "changed"}),
        ("task.deleted", {"task": "ACME-1", "title": "Ship it"}),
    ]
