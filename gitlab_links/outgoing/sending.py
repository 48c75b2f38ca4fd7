"""Send one request to an endpoint. No database and no application here: threads call it."""

import smtplib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage

import requests
import urllib3

from gitlab_links.clock import utcnow
from gitlab_links.config.allowed_hosts import AllowedHosts
from gitlab_links.extensions import settings
from gitlab_links.gitlab.answer_headers import read_retry_after
from gitlab_links.gitlab.guarded_session import GuardedSession, ResponseTooLargeError
from gitlab_links.gitlab.guarded_socket import BlockedAddressError
from gitlab_links.mail import MailServer, mail_failure
from gitlab_links.outgoing.transport import Outcome, Request

# From connecting to the last byte of the answer.
SECONDS_EACH = 10.0
ANSWER_BYTES = 64 * 1024
KEPT_OF_ANSWERS = 1024
SECONDS_FOR_MAIL = 5.0


@dataclass(frozen=True, slots=True)
class Network:
    """How connections are made: which internal hosts are allowed, further certificates, and the
    mail server.
    """

    allowed: AllowedHosts
    ca_file: str | None
    mail_server: MailServer | None = None

    @classmethod
    def of_settings(cls) -> "Network":
        """That of the application."""
        known = settings()
        return cls(known.gitlab_allowed_hosts, known.gitlab_ca_file, known.mail_server)

    def send(self, session: GuardedSession, request: Request) -> Outcome:
        """Send a request once, or mail it. Never raises for what the other side does."""
        if request.mail is None:
            return send(session, request)
        return _send_mail(self.mail_server, request.mail)

    def session(self) -> GuardedSession:
        """A session for one endpoint. It follows no redirect of a POST."""
        return GuardedSession(
            self.allowed, seconds=SECONDS_EACH, max_bytes=ANSWER_BYTES, ca_file=self.ca_file
        )


def send(session: GuardedSession, request: Request) -> Outcome:
    """Send a request once. Never raises for what the other side or the network does."""
    session.deadline.start()
    began = time.monotonic()
    try:
        answer = session.post(
            request.url,
            data=request.body,
            headers={"Content-Type": "application/json", **request.headers},
            allow_redirects=False,
        )
    except BlockedAddressError:
        failure = "The address is internal, and this service may not connect to it."
    except ResponseTooLargeError as error:
        return _judged(time.monotonic() - began, error.status, "", {})
    except (requests.Timeout, TimeoutError):
        failure = f"There was no answer within {SECONDS_EACH:.0f} seconds."
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError):
        failure = "The address cannot be reached."
    else:
        return _judged(
            time.monotonic() - began,
            answer.status_code,
            answer.content[:KEPT_OF_ANSWERS].decode("utf-8", "replace").replace("\0", ""),
            answer.headers,
        )
    return Outcome(time.monotonic() - began, failure=failure)


def _send_mail(server: MailServer | None, message: EmailMessage) -> Outcome:
    began = time.monotonic()
    if server is None:
        return Outcome(0.0, failure="This service has no mail server (SMTP_URL).")
    try:
        server.send(message, SECONDS_FOR_MAIL)
    except (smtplib.SMTPException, OSError) as error:
        reason = mail_failure(error)
        sentence = f"{reason[:1].upper()}{reason[1:]}".rstrip(".")
        return Outcome(time.monotonic() - began, failure=f"{sentence[:198]}.")
    return Outcome(time.monotonic() - began)


def _judged(seconds: float, status: int, answer: str, headers: Mapping[str, str]) -> Outcome:
    failure = None if 200 <= status < 300 else f"It answered {status}."
    if 300 <= status < 400:
        failure = f"It answered {status}, a redirect. Redirects are not followed."
    return Outcome(seconds, status, failure, answer, read_retry_after(headers, utcnow()))
