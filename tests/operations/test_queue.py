"""What several calls to GitLab take is asked for at once, done once, and never lost."""

import uuid
from datetime import timedelta

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import false, select, true, update

from gitlab_links.accounts.api_keys import revoke_key
from gitlab_links.accounts.key_logins import key_login
from gitlab_links.accounts.models import Org
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.errors import NotFound
from gitlab_links.extensions import db
from gitlab_links.integrations.credentials import IntegrationMissing
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.jobs import health_checks
from gitlab_links.jobs.operations import run_operations
from gitlab_links.operations.models import OperationKind, OperationStatus
from gitlab_links.operations.queue import (
    LEASE,
    ask_for,
    ask_for_by_service,
    fail_interrupted,
    find_operation,
    finish,
    take_next,
    unattended,
)
from tests.factories import Factory
from tests.frozen_clock import FrozenClock


@pytest.fixture
def org(factory: Factory) -> Org:
    return factory.org()


@pytest.fixture
def admin(factory: Factory, org: Org, app_context: Flask) -> Principal:
    return factory.principal(org, Role.ADMIN)


def asked(admin: Principal, **values: object) -> uuid.UUID:
    operation = ask_for(admin, OperationKind.ROTATE_TOKEN, **values)  # type: ignore[arg-type]
    db.session.commit()
    return operation.id


def test_it_is_rung_for_after_the_commit(admin: Principal, redis: Redis) -> None:
    ask_for(admin, OperationKind.ROTATE_TOKEN)
    assert redis.llen("rq:queue:fetches") == 0
    db.session.commit()
    assert redis.llen("rq:queue:fetches") == 1


def test_whoever_asks_again_meanwhile_gets_the_same_one(admin: Principal) -> None:
    project = uuid.uuid4()
    first = asked(admin)
    assert asked(admin) == first
    repair = ask_for(admin, OperationKind.REPAIR_HOOK, target=project, subject="a/b")
    assert repair.id != first
    assert ask_for(admin, OperationKind.REPAIR_HOOK, target=project).id == repair.id
    assert ask_for(admin, OperationKind.REPAIR_HOOK, target=uuid.uuid4()).id != repair.id


def test_each_is_taken_up_once(admin: Principal, org: Org) -> None:
    first = asked(admin)
    taken = take_next(org.id, utcnow())
    db.session.commit()
    assert taken is not None and taken.id == first
    assert take_next(org.id, utcnow()) is None


def test_one_of_a_dead_worker_is_over_and_not_done_twice(
    admin: Principal, org: Org, clock: FrozenClock
) -> None:
    operation_id = asked(admin)
    take_next(org.id, utcnow())
    db.session.commit()
    clock.advance(LEASE.total_seconds() - 1)
    fail_interrupted(utcnow())
    assert find_operation(org.id, operation_id).status == OperationStatus.RUNNING
    clock.advance(2)
    fail_interrupted(utcnow())
    db.session.commit()
    db.session.expire_all()
    found = find_operation(org.id, operation_id)
    assert (found.status, found.error_code) == (OperationStatus.FAILED, "interrupted")


def test_the_webhook_of_a_pick_waits_while_gitlab_may_not_be_asked(
    admin: Principal, org: Org
) -> None:
    ask_for(admin, OperationKind.MAKE_HOOK, target=uuid.uuid4())
    db.session.commit()
    assert unattended(utcnow(), 10, false()) == []
    assert unattended(utcnow(), 10, true()) == [(org.id, False)]
    assert take_next(org.id, utcnow(), but=[OperationKind.MAKE_HOOK]) is None
    assert take_next(org.id, utcnow()) is not None


def test_a_lost_ring_is_made_up_for(admin: Principal, org: Org, redis: Redis) -> None:
    asked(admin)
    redis.flushdb()
    assert unattended(utcnow(), 10, false()) == [(org.id, False)]
    health_checks.find_due_checks()
    assert redis.llen("rq:queue:fetches") >= 1


def test_what_is_refused_meanwhile_is_written_down(admin: Principal, org: Org) -> None:
    operation_id = asked(admin)  # the org has no integration at all
    run_operations(org.id)
    found = find_operation(org.id, operation_id)
    assert found.status == OperationStatus.FAILED
    assert found.error_code == IntegrationMissing.code
    assert found.error_detail


def test_whoever_may_not_any_more_is_refused(factory: Factory, admin: Principal, org: Org) -> None:
    member = factory.principal(org, Role.MEMBER)
    operation_id = asked(member)
    run_operations(org.id)
    assert find_operation(org.id, operation_id).error_code == "forbidden"


def test_what_a_key_asked_for_is_not_done_once_the_key_has_ended(
    factory: Factory, admin: Principal, org: Org, clock: FrozenClock
) -> None:
    ends = utcnow() + timedelta(minutes=1)
    secrets = [factory.api_key(org, expires_at=at) for at in (None, ends)]
    logins = [key_login(secret) for secret in secrets]
    revoked, ended = (login.principal for login in logins if login is not None)
    operations = [asked(revoked, target=uuid.uuid4()), asked(ended, target=uuid.uuid4())]
    assert revoked.api_key_id is not None
    revoke_key(admin, revoked.api_key_id)
    db.session.commit()
    clock.advance(61)
    run_operations(org.id)
    for one in operations:
        found = find_operation(org.id, one)
        assert (found.error_code, found.error_detail) == (
            "forbidden",
            "The API key that requested it has expired or was revoked.",
        )


def test_another_orgs_is_not_found(factory: Factory, admin: Principal) -> None:
    operation_id = asked(admin)
    with pytest.raises(NotFound):
        find_operation(factory.org().id, operation_id)


def test_an_org_has_one_under_way_at_a_time(admin: Principal, org: Org) -> None:
    asked(admin)
    project = uuid.uuid4()
    ask_for(admin, OperationKind.REPAIR_HOOK, target=project, subject="a/b")
    ask_for_by_service(org.id, OperationKind.RENEW_TOKEN)
    db.session.commit()
    first = take_next(org.id, utcnow())
    db.session.commit()
    assert first is not None
    assert take_next(org.id, utcnow()) is None, "a token replaced twice at once is lost"
    finish(first, {})
    db.session.commit()
    assert take_next(org.id, utcnow()) is not None


def test_after_a_worker_died_over_a_token_the_present_one_is_asked_about(
    admin: Principal, org: Org, factory: Factory, clock: FrozenClock
) -> None:
    factory.connect(org, base_url="https://gitlab.example.com", token="glpat-of-the-tests")
    later = utcnow() + timedelta(days=1)
    db.session.execute(update(OrgGitLabIntegration).values(token_check_due_at=later))
    operation_id = asked(admin)
    take_next(org.id, utcnow())
    db.session.commit()
    clock.advance(LEASE.total_seconds() + 1)
    health_checks.find_due_checks()
    db.session.expire_all()
    found = find_operation(org.id, operation_id)
    assert found.status == OperationStatus.FAILED
    assert "GitLab may have replaced the token" in (found.error_detail or "")
    due_at = db.session.scalars(select(OrgGitLabIntegration.token_check_due_at)).one()
    assert due_at is not None and due_at <= utcnow()
