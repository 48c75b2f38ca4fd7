"""Health alerts by e-mail: through a real SMTP server, once, and never unencrypted by mistake."""

import smtplib
import socket
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from gitlab_links.clock import utcnow
from gitlab_links.errors import Invalid
from gitlab_links.extensions import db
from gitlab_links.health.report import report_of
from gitlab_links.integrations.policy import PolicyChange
from gitlab_links.local.services import LOOPBACK, free_port
from gitlab_links.mail import MailServer, parse_mail_address
from gitlab_links.outgoing.alerts import alert_endpoint, update_policy
from gitlab_links.outgoing.emails import email_of
from gitlab_links.outgoing.trial import try_endpoint
from tests.api.callers import browser
from tests.gitlab.servers import make_authority
from tests.hanging import HANGS
from tests.pages.markup import text_of

SENDER, TO = "links@example.com", "ops@example.com"
PASSWORD = "a pass/word"
URL_PASSWORD = "a%20pass%2Fword"


@dataclass
class Postbox:
    """What a mail server has taken; it may refuse, or be slow."""

    port: int
    refuses: bool = False
    unknown: tuple[str, ...] = ()
    good_bye: str = "221 Bye"
    emails: list[EmailMessage] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    users: list[bytes] = field(default_factory=list)

    async def handle_DATA(self, _server, session, envelope):
        if self.refuses:
            return "451 Later"
        self.encrypted.append(session.ssl is not None)
        self.emails.append(message_from_bytes(envelope.original_content, policy=default))
        return "250 Taken"

    async def handle_RCPT(self, _server, _session, envelope, address, _options):
        if address in self.unknown:
            return "550 5.1.1 No such user here."
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_QUIT(self, _server, _session, _envelope):
        return self.good_bye

    def authenticate(self, _server, _session, _envelope, _mechanism, data):
        self.users.append(data.login)
        return AuthResult(success=data.password == PASSWORD.encode(), handled=False)

    def server(self, query="", user="", scheme="smtp"):
        account = f"{user}:{URL_PASSWORD}@" if user else ""
        return MailServer.parse(f"{scheme}://{account}{LOOPBACK}:{self.port}{query}", SENDER)


@pytest.fixture
def start():
    """Starts a mail server; it stops with the test."""
    running = []

    def begin(**options):
        box = Postbox(free_port())
        if "tls_context" in options:
            options |= {"authenticator": box.authenticate, "auth_required": True}
        controller = Controller(box, hostname=LOOPBACK, port=box.port, **options)
        controller.start()
        running.append(controller)
        return box

    yield begin
    for controller in running:
        controller.stop()


@pytest.fixture
def trusted(tmp_path, monkeypatch):
    """A certificate for loopback by an authority that this machine trusts."""
    authority = make_authority(tmp_path, LOOPBACK)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
    return authority.server


def note(**changes):
    body = {
        "summary": "ships/engine: GitLab has disabled the webhook for good.",
        "remedy": "Press Repair.",
        "url": "https://links.example.com/orgs/1/gitlab",
        "id": "7",
        "org_name": "Acme",
        "closed_at": None,
    }
    return email_of({**body, **changes}, TO)


def test_with_starttls_and_a_password(start, trusted):
    box = start(tls_context=trusted, require_starttls=True)
    box.server(user="links").send(note(), HANGS)

    (got,) = box.emails
    assert (box.encrypted, box.users) == ([True], [b"links"])
    assert (got["From"], got["To"]) == (SENDER, TO)
    assert got["Subject"] == "[Acme] ships/engine: GitLab has disabled the webhook for good."
    assert got["Message-ID"] == "<7.opened@links.example.com>"
    assert got["Auto-Submitted"] == "auto-generated"
    assert [line for line in got.get_content().splitlines() if line] == [
        "ships/engine: GitLab has disabled the webhook for good.",
        "Press Repair.",
        "About the GitLab connection of the org Acme.",
        "https://links.example.com/orgs/1/gitlab",
    ]


def test_encrypted_from_the_first_byte(start, trusted):
    box = start(ssl_context=trusted)
    box.server(scheme="smtps").send(note(), HANGS)

    assert len(box.emails) == 1, "the server speaks nothing but TLS"


def test_a_server_without_starttls_gets_neither_password_nor_letter(start):
    box = start()
    with pytest.raises(smtplib.SMTPNotSupportedError):
        box.server(user="links").send(note(), HANGS)

    assert (box.emails, box.users) == ([], [])


def test_a_certificate_that_nobody_vouches_for_is_refused(start, trusted, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    box = start(tls_context=trusted, require_starttls=True)
    with pytest.raises(ssl.SSLCertVerificationError):
        box.server(user="links").send(note(), HANGS)

    assert box.users == []


def test_a_relay_of_ones_own_needs_no_encryption(start):
    box = start()
    box.server("?tls=none").send(note(), HANGS)

    assert box.encrypted == [False]


def conversation(listening, answers, pause=0.0):
    """Takes one connection and answers each word in turn, after a while."""
    connection, _ = listening.accept()
    with connection, connection.makefile("rb") as words:
        for answer in answers:
            time.sleep(pause)
            with suppress(OSError):
                connection.sendall(answer + b"\r\n")
                words.readline()


@contextmanager
def talking(*what):
    with socket.create_server((LOOPBACK, 0)) as listening:
        thread = threading.Thread(target=conversation, args=(listening, *what))
        thread.start()
        port = listening.getsockname()[1]
        yield MailServer.parse(f"smtp://{LOOPBACK}:{port}?tls=none", SENDER)
        thread.join()


@pytest.mark.slow
def test_a_slow_server_is_given_so_many_seconds_in_all_and_not_for_each_answer():
    with (
        talking([b"220 hi", *[b"250 well"] * 5], 0.4) as server,
        pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected), match=r"time"),
    ):
        server.send(note(), 1.0)


def test_a_letter_that_was_taken_is_taken_however_the_good_bye_goes(start):
    box = start()
    box.good_bye = "451 Not yet"
    box.server("?tls=none").send(note(), HANGS)

    assert len(box.emails) == 1


@pytest.mark.parametrize(
    "summary", ["a\r\nBcc: all@example.com", "a\nBcc: x", "a\x0bb\x85c\u2028d", "é" * 500, "\x00"]
)
def test_nothing_that_gitlab_names_begins_another_header(start, summary):
    box = start()
    box.server("?tls=none").send(note(summary=summary), HANGS)

    (got,) = box.emails
    assert got["Bcc"] is None
    assert got["To"] == TO
    assert len(got["Subject"].splitlines()) <= 1


@pytest.mark.parametrize(
    "text",
    [
        "ops",
        "@example.com",
        "ops@",
        "a b@example.com",
        "ops@example.com\nBcc: x@y",
        "ö@example.com",
        "<ops@example.com>",
        "a@b@c",
        "ops@-example.com",
        "o" * 65 + "@example.com",
        "ops@exa..mple",
    ],
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError, match="must be an e-mail address"):
        parse_mail_address(text)


@pytest.fixture
def mailbox(connected, start, clock):
    """The org gets its alerts by e-mail, and all is well."""
    box = start()
    settings = connected.app.extensions["settings"]
    connected.app.extensions["settings"] = replace(settings, mail_server=box.server("?tls=none"))
    with connected.app.app_context():
        from gitlab_links.health.hook_repair import repair_now

        repair_now(connected.admin, connected.project_id)
        update_policy(connected.admin, PolicyChange(), TO)
        db.session.commit()
    connected.work()
    connected.watch()
    assert connected.codes() == []
    return box


def watch_for(connected, clock, times, seconds=10):
    for _ in range(times):
        clock.advance(seconds)
        connected.watch()


def test_a_problem_and_its_end_are_mailed_once_each(connected, mailbox, clock):
    connected.change(token_expires_at=utcnow() + timedelta(days=6))
    watch_for(connected, clock, 4, seconds=50)
    connected.change(token_expires_at=utcnow() + timedelta(days=300))
    watch_for(connected, clock, 6, seconds=50)

    subjects = [got["Subject"] for got in mailbox.emails]
    assert len(subjects) == 2
    name = connected.org.name
    assert subjects[0].startswith(f"[{name}] The access token expires within 7 days, on ")
    assert subjects[1].startswith(f"[{name}] Over: The access token expires within 7 days")
    assert f"/orgs/{connected.org.id}/gitlab" in mailbox.emails[0].get_content()


def test_an_email_that_was_not_accepted_is_sent_again_with_the_same_id(connected, mailbox, clock):
    mailbox.refuses = True
    connected.change(token_expires_at=utcnow() + timedelta(days=6))
    watch_for(connected, clock, 2)
    assert mailbox.emails == []

    mailbox.refuses = False
    watch_for(connected, clock, 10)

    (got,) = mailbox.emails
    assert got["Message-ID"].endswith(".opened@127.0.0.1>")


def test_an_email_that_is_not_accepted_is_shown_with_its_reason_until_one_is(
    connected, mailbox, clock
):
    mailbox.refuses = True
    connected.change(token_expires_at=utcnow() + timedelta(days=6))
    watch_for(connected, clock, 1)
    with connected.app.app_context():
        found = report_of(connected.org.id, utcnow()).findings
    (shown,) = (one for one in found if one.code == "alerts_undelivered")
    assert shown.summary == (
        f"The last health alert to {TO} did not arrive. The mail server says: 451 Later."
    )

    mailbox.refuses = False
    watch_for(connected, clock, 10)
    assert "alerts_undelivered" not in connected.codes()


def test_a_test_alert_says_in_words_what_came_of_it(connected, mailbox):
    def tried():
        with connected.app.test_request_context():
            endpoint = alert_endpoint(connected.org.id)
            return try_endpoint(connected.admin, endpoint.id).failure

    mailbox.refuses = True
    assert tried() == "The mail server says: 451 Later."
    mailbox.refuses = False
    assert tried() is None
    (got,) = mailbox.emails
    assert got["Subject"] == (
        f"[{connected.org.name}] This is a test: health alerts of this org arrive here."
    )


def refused_port(_start, _certificate):
    return MailServer.parse(f"smtp://{LOOPBACK}:{free_port()}?tls=none", SENDER)


def no_starttls(start, _certificate):
    return start().server()


def wrong_password(start, certificate):
    box = start(tls_context=certificate, require_starttls=True)
    return replace(box.server(user="links"), password="another")


def nobodys_certificate(start, certificate):
    return replace(start(tls_context=certificate).server(), host="localhost")


def no_such_recipient(start, _certificate):
    box = start()
    box.unknown = (TO,)
    return box.server("?tls=none")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (refused_port, "The mail server cannot be reached: Connection refused."),
        (no_starttls, "The mail server cannot be used: STARTTLS extension not supported"),
        (wrong_password, "The mail server says: 535 5.7.8 Authentication credentials invalid."),
        (nobodys_certificate, "The mail server's certificate is not trusted: "),
        (no_such_recipient, "The mail server says: 550 5.1.1 No such user here."),
    ],
)
def test_the_button_says_why_no_mail_is_taken_and_then_that_one_is(
    connected, mailbox, start, trusted, broken, reason
):
    admin = browser(connected.app, connected.admin.user_id)
    path = f"/orgs/{connected.org.id}/gitlab"
    settings = connected.app.extensions["settings"]
    works = settings.mail_server

    def press():
        assert admin.post(f"{path}/policy/test-alert").status_code == 302
        return text_of(admin.get(path))

    connected.app.extensions["settings"] = replace(settings, mail_server=broken(start, trusted))
    assert f"The test alert was not delivered. {reason}" in press()

    connected.app.extensions["settings"] = replace(settings, mail_server=works)
    assert "The test alert was delivered." in press()
    assert [got["To"] for got in mailbox.emails] == [TO]


def test_a_mail_server_that_is_taken_away_leaves_the_email_unsent(connected, mailbox, clock):
    settings = connected.app.extensions["settings"]
    connected.app.extensions["settings"] = replace(settings, mail_server=None)
    connected.change(token_expires_at=utcnow() + timedelta(days=6))
    watch_for(connected, clock, 2)

    assert mailbox.emails == []
    assert "token_expires_7d" in connected.codes()


def test_an_address_is_shown_and_stored_encrypted(connected, mailbox):
    with connected.app.app_context():
        found = alert_endpoint(connected.org.id)
    assert (found.url_host, found.format) == (TO, "email")
    assert TO not in found.url_ciphertext
    assert connected.audited("integration.policy_updated")[-1]["notify_url_host"] == TO


def test_without_a_mail_server_an_address_is_refused_in_words(connected):
    with connected.app.app_context(), pytest.raises(Invalid) as refused:
        update_policy(connected.admin, PolicyChange(), TO)

    assert "SMTP_URL" in refused.value.errors["notify_url"][0]


def test_what_only_looks_like_an_address_is_refused(connected, mailbox):
    with connected.app.app_context():
        for text in ("ops@example.com\r\nBcc: all@example.com", "a@b@c", "ops"):
            with pytest.raises(Invalid):
                update_policy(connected.admin, PolicyChange(), text)
