"""Sending a health alert to a URL or a mail server. No database here."""

import json
import smtplib
from typing import Any

import requests
import urllib3

from gitlab_links.extensions import settings
from gitlab_links.gitlab.guarded_session import GuardedSession, ResponseTooLargeError
from gitlab_links.gitlab.guarded_socket import BlockedAddressError
from gitlab_links.health.emails import email_of
from gitlab_links.integrations.policy import is_url
from gitlab_links.mail import mail_failure

SECONDS_EACH = 3.0
ANSWER_BYTES = 64 * 1024


def send(to: str, body: dict[str, Any]) -> str | None:
    """Post or mail it. Returns None if it was accepted, else the reason without any secret."""
    return _post(to, body) if is_url(to) else _mail(to, body)


def _mail(to: str, body: dict[str, Any]) -> str | None:
    server = settings().mail_server
    if server is None:
        return "the service has no mail server (SMTP_URL)"
    try:
        server.send(email_of(body, to), SECONDS_EACH)
    except (smtplib.SMTPException, OSError) as error:
        return mail_failure(error)
    return None


def _post(to: str, body: dict[str, Any]) -> str | None:
    """An admin chose the address, so it is checked like GitLab's: no internal addresses."""
    with GuardedSession(
        settings().gitlab_allowed_hosts,
        seconds=SECONDS_EACH,
        max_bytes=ANSWER_BYTES,
        ca_file=settings().gitlab_ca_file,
    ) as session:
        session.deadline.start()
        try:
            answer = session.post(
                to,
                data=json.dumps(body).encode(),
                headers={"Content-Type": "application/json"},
                allow_redirects=False,
            )
        except BlockedAddressError:
            return "the address is internal, and this service may not connect to it"
        except ResponseTooLargeError:
            return "the answer is too large"
        except (requests.Timeout, TimeoutError):
            return f"no answer within {SECONDS_EACH:.0f} seconds"
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError):
            return "the address cannot be reached"
    return None if 200 <= answer.status_code < 300 else f"it answered {answer.status_code}"
