"""Members: nobody rises above the one who lifts them, and one admin always stays."""

import threading

import pytest
from flask import Flask

from gitlab_links.accounts.key_logins import key_login
from gitlab_links.accounts.members import (
    LastAdmin,
    change_role,
    members_page,
    remove_member,
)
from gitlab_links.accounts.models import Membership
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.audit.models import AuditEvent
from gitlab_links.errors import Forbidden, NotFound
from gitlab_links.extensions import db
from gitlab_links.invitations.changes import invite
from tests.factories import Factory


def test_nobody_grants_more_than_their_own_role(app: Flask, factory: Factory) -> None:
    org = factory.org()
    manager = factory.principal(org, Role.PM)
    somebody = factory.membership(org, Role.MEMBER)
    with app.app_context():
        with pytest.raises(Forbidden):
            invite(manager, "eve@example.com", "Eve", Role.ADMIN)
        with pytest.raises(Forbidden):
            change_role(manager, somebody.id, Role.ADMIN)
        assert change_role(manager, somebody.id, Role.PM).role is Role.PM


def test_keys_of_a_leaver_end_for_good(app: Flask, factory: Factory) -> None:
    org = factory.org()
    admin = factory.principal(org, Role.ADMIN)
    user = factory.user()
    membership = factory.membership(org, Role.PM, user)
    secret = factory.api_key(org, user=user)
    with app.app_context():
        assert key_login(secret) is not None
        remove_member(admin, membership.id)
        db.session.commit()
        assert key_login(secret) is None
    factory.membership(org, Role.PM, user)
    with app.app_context():
        assert key_login(secret) is None


def test_a_member_of_another_org_is_out_of_reach(app: Flask, factory: Factory) -> None:
    admin = factory.principal(factory.org(), Role.ADMIN)
    stranger = factory.membership(factory.org())
    with app.app_context():
        with pytest.raises(NotFound):
            remove_member(admin, stranger.id)
        with pytest.raises(NotFound):
            change_role(admin, stranger.id, Role.CLIENT)


def test_two_admins_cannot_remove_each_other_at_once(app: Flask, factory: Factory) -> None:
    for _ in range(5):
        org = factory.org()
        members = [factory.membership(org, Role.ADMIN) for _ in range(2)]
        refused = remove_at_once(app, members)
        with app.app_context():
            assert len(members_page(org.id)) == 1
        assert len(refused) == 1


def remove_at_once(app: Flask, members: list[Membership]) -> list[LastAdmin]:
    """Each removes the other; returns the refusals."""
    started, refused = threading.Barrier(2), []

    def remove(caller: Membership, other: Membership) -> None:
        with app.app_context():
            started.wait()
            try:
                remove_member(Principal(caller.org_id, caller.user_id, Role.ADMIN), other.id)
                db.session.commit()
            except LastAdmin as error:
                refused.append(error)

    threads = [threading.Thread(target=remove, args=pair) for pair in (members, members[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refused


def test_every_change_is_audited_once(app: Flask, factory: Factory) -> None:
    org = factory.org()
    admin = factory.principal(org, Role.ADMIN)
    user = factory.user(email="sam@example.com")
    member = factory.membership(org, Role.MEMBER, user)
    with app.app_context():
        change_role(admin, member.id, Role.PM)
        change_role(admin, member.id, Role.PM)
        remove_member(admin, member.id)
        db.session.commit()
        events = db.session.query(AuditEvent).order_by(AuditEvent.id).all()
        assert [(one.action, one.detail) for one in events] == [
            ("member.changed", {"email": "sam@example.com", "role": "pm", "before": "member"}),
            ("member.removed", {"email": "sam@example.com", "role": "pm"}),
        ]
