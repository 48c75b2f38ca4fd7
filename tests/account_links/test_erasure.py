"""An erased person leaves no address behind, not even a former one."""

from email.message import EmailMessage

from flask import Flask
from sqlalchemy import select

from gitlab_links.account_links.models import AccountLink
from gitlab_links.accounts.models import Org, User
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.audit.models import AuditEvent
from gitlab_links.extensions import db
from gitlab_links.invitations.changes import invite
from gitlab_links.invitations.models import Invitation
from tests.api.callers import browser
from tests.factories import Factory
from tests.invitations.conftest import fill, link_in, send_mails

FORMER, LATER = "sam@example.com", "sam.jones@example.com"


def test_no_address_is_left(
    mailing: Flask,
    mailbox: list[EmailMessage],
    factory: Factory,
    org: Org,
    admin: User,
) -> None:
    sam = factory.user(email=FORMER, name="Sam Jones")
    factory.membership(org, Role.MEMBER, sam)
    person = browser(mailing, sam.id)
    person.post("/account/address", data={"email": LATER, "current": ""})
    send_mails(mailing)
    person.post(link_in(mailbox[0]))
    elsewhere = factory.org()
    with mailing.app_context():
        principal = Principal(elsewhere.id, admin.id, Role.ADMIN)
        for address in (FORMER, LATER):
            invite(principal, address, "Sam", Role.MEMBER)
        db.session.commit()
    fill(mailing.test_client(), "/password/forgotten", "", email=LATER)
    done = mailing.test_cli_runner().invoke(
        args=["erase-person", "--email", LATER, "--name", "Sam Jones"]
    )
    assert done.exit_code == 0, done.output
    with mailing.app_context():
        details = [str(one.detail) for one in db.session.scalars(select(AuditEvent))]
        assert details
        assert not [one for one in details if FORMER in one or LATER in one]
        assert not db.session.scalars(select(AccountLink)).all()
        assert not db.session.scalars(select(Invitation)).all()
