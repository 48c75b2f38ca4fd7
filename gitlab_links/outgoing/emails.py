"""A health alert as an e-mail."""

from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

from gitlab_links.clock import utcnow
from gitlab_links.gitlab.refusals import as_line

LONGEST_SUBJECT = 160
# Subjects are not folded: not every mail client unfolds them correctly.
UNFOLDED = SMTP.clone(max_line_length=998)


def email_of(body: dict[str, Any], to: str) -> EmailMessage:
    """The e-mail with the texts of the JSON body.

    A retry has the same Message-ID, so most mail clients show only one of two copies.
    """
    over = body["closed_at"] is not None
    message = EmailMessage(policy=UNFOLDED)
    message["To"] = to
    # Project names come from GitLab: a line break in one must not start another header.
    subject = f"[{body['org_name']}] {'Over: ' if over else ''}{body['summary']}"
    message["Subject"] = as_line(subject, LONGEST_SUBJECT)
    message["Date"] = format_datetime(utcnow())
    host = urlsplit(body["url"]).hostname
    message["Message-ID"] = f"<{body['id']}.{'closed' if over else 'opened'}@{host}>"
    message["Auto-Submitted"] = "auto-generated"
    message_line = f"Over: {body['summary']}" if over else body["summary"]
    about = f"About the GitLab connection of the org {body['org_name']}."
    lines = [message_line, body["remedy"], about, body["url"]]
    message.set_content("\n\n".join(line for line in lines if line) + "\n")
    return message
