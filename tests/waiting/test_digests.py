"""The daily mail: on workdays in the member's morning, once, and never an empty one."""

import contextvars
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from gitlab_links.accounts.models import Membership
from gitlab_links.accounts.roles import Role
from gitlab_links.extensions import db
from gitlab_links.jobs.digests import send_digests
from gitlab_links.mail import MailServer
from gitlab_links.waiting.digests import due_day, time_zones
from tests.api.callers import Caller, browser
from tests.factories import Factory
from tests.invitations.conftest import html, keeping, mail_server, mailbox, mailing, plain
from tests.jobs.conftest import Connected
from tests.pages.markup import text_of

__all__ = ["keeping", "mail_server", "mailbox", "mailing"]
pytestmark = pytest.mark.differs_by_database
MONDAY = datetime(2026, 11, 30, 8, 30, tzinfo=UTC)
SATURDAY = datetime(2026, 11, 28, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "zone", "day"),
    [
        (MONDAY, "UTC", date(2026, 11, 30)),
        (MONDAY.replace(hour=7), "UTC", None),
        (MONDAY.replace(hour=12), "UTC", None),
        (MONDAY.replace(hour=7), "Europe/Berlin", date(2026, 11, 30)),
        (MONDAY, "America/New_York", None),
        (MONDAY.replace(hour=13), "America/New_York", date(2026, 11, 30)),
        (datetime(2026, 11, 29, 20, tzinfo=UTC), "Pacific/Auckland", date(2026, 11, 30)),
        (SATURDAY, "UTC", None),
        (SATURDAY.replace(day=29), "UTC", None),
        (MONDAY, "No/Where", date(2026, 11, 30)),
    ],
)
def test_when_it_is_due(moment: datetime, zone: str, day: date | None) -> None:
    assert due_day(moment, zone) == day


@given(
    st.integers(min_value=0, max_value=20 * 365 * 24 * 60),
    st.sampled_from(time_zones()),
)
def test_it_is_never_due_on_a_weekend(minutes: int, zone: str) -> None:
    day = due_day(MONDAY + timedelta(minutes=minutes), zone)
    assert day is None or day.weekday() < 5


Waited = Callable[..., Caller]


@pytest.fixture
def waited(connected: Connected, mailing: Flask, factory: Factory) -> Waited:
    """Makes a member on whom a linked merge request waits, who wants the mail."""
    mr = connected.merge_request(connected.project(), title="Rollers & <rails>")
    connected.link(mr)
    connected.fetch()

    def make(role: Role = Role.MEMBER, **fields: Any) -> Caller:
        who = browser(mailing, factory.membership(connected.org, role).user_id)
        wanted = {"gitlab_username": "root", "digest_time_zone": "UTC", **fields}
        path = f"/api/orgs/{connected.org.id}/waiting"
        contextvars.Context().run(who.patch, path, json=wanted)
        return who

    return make


def run(app: Flask, now: datetime) -> None:
    def send() -> None:
        with app.app_context():
            send_digests(now)

    contextvars.Context().run(send)


def test_a_mail_lists_what_waits_once_a_day(
    mailing: Flask, mailbox: list[EmailMessage], waited: Waited, connected: Connected
) -> None:
    waited()
    run(mailing, MONDAY.replace(hour=7))
    assert mailbox == []
    for hour in (8, 9, 11):
        run(mailing, MONDAY.replace(hour=hour))
    [message] = mailbox
    assert message["Subject"] == f"1 merge request waits on you in {connected.org.name}"
    text = plain(message)
    assert "Ready to merge:\n- Rollers & <rails>\n  acme/press!1, since today, " in text
    assert "Rollers &amp; &lt;rails&gt;" in html(message)
    assert f"http://localhost/orgs/{connected.org.id}/waiting" in text
    run(mailing, MONDAY.replace(day=1, month=12))
    assert len(mailbox) == 2


def test_nobody_gets_one_who_did_not_ask_or_on_whom_nothing_waits(
    mailing: Flask, mailbox: list[EmailMessage], waited: Waited
) -> None:
    waited(digest_time_zone=None)
    waited(gitlab_username="somebody.else")
    waited(gitlab_username=None)
    run(mailing, MONDAY)
    run(mailing, SATURDAY)
    assert mailbox == []


def test_who_became_a_client_gets_none(
    mailing: Flask, mailbox: list[EmailMessage], waited: Waited, connected: Connected
) -> None:
    waited()
    for membership in db.session.scalars(select(Membership).filter_by(org_id=connected.org.id)):
        membership.role = Role.CLIENT.value
    db.session.commit()
    run(mailing, MONDAY)
    assert mailbox == []


def test_a_refused_mail_is_tried_again_and_keeps_no_other_back(
    mailing: Flask, waited: Waited, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    def refuse_first(_server: MailServer, message: EmailMessage, _seconds: float) -> None:
        sent.append(message["To"])
        if len(sent) == 1:
            raise OSError("no route")

    monkeypatch.setattr(MailServer, "send", refuse_first)
    waited()
    waited()
    run(mailing, MONDAY)
    first, second = sent
    assert first != second
    run(mailing, MONDAY)
    run(mailing, MONDAY)
    assert sent == [first, second, first]


def test_without_a_mail_server_nothing_is_offered_or_claimed(
    app: Flask, waited: Waited, connected: Connected
) -> None:
    waited()
    run(app, MONDAY)
    assert set(db.session.scalars(select(Membership.digest_on))) == {None}


def test_the_page_turns_it_on_and_off(mailing: Flask, waited: Waited, connected: Connected) -> None:
    who = waited(digest_time_zone=None)
    page = f"/orgs/{connected.org.id}/waiting"

    def press(**data: str) -> Any:
        return contextvars.Context().run(who.post, f"{page}/digest", data=data)

    def saved() -> Any:
        answer = contextvars.Context().run(who.get, f"/api{page}")
        return answer.json["digest_time_zone"]

    assert "Daily mail" in text_of(contextvars.Context().run(who.get, page))
    refused = press(digest="1", digest_time_zone="Mars/Base")
    assert (refused.status_code, "digest_time_zone-error" in refused.text) == (422, True)
    assert press(digest="1", digest_time_zone="Europe/Berlin").status_code == 302
    assert saved() == "Europe/Berlin"
    assert press(digest_time_zone="Europe/Berlin").status_code == 302
    assert saved() is None
