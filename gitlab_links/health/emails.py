"""A change of health as an e-mail."""

from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

from gitlab_links.clock import utcnow

LONGEST_SUBJECT = 160
# A subject is not folded: not every reader puts it together as it was.
UNFOLDED = SMTP.clone(max_line_length=998)


def email_of(body: dict[str, Any], to: str) -> EmailMessage:
    """The same words as in the JSON that is posted.

    A repetition bears the same Message-ID: of two copies, most readers show one.
    """
    over = body["closed_at"] is not None
    message = EmailMessage(policy=UNFOLDED)
    message["To"] = to
    message["Subject"] = _one_line(
        f"[{body['org_name']}] {'Over: ' if over else ''}{body['summary']}"
    )
    message["Date"] = format_datetime(utcnow())
    host = urlsplit(body["url"]).hostname
    message["Message-ID"] = f"<{body['id']}.{'closed' if over else 'opened'}@{host}>"
    message["Auto-Submitted"] = "auto-generated"
    words = f"Over: {body['summary']}" if over else body["summary"]
    about = f"About the GitLab connection of the org {body['org_name']}."
    lines = [words, body["remedy"], about, body["url"]]
    message.set_content("\n\n".join(line for line in lines if line) + "\n")
    return message


def _one_line(text: str) -> str:
    """Names of projects are GitLab's: nothing of them may begin another header."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= LONGEST_SUBJECT else line[: LONGEST_SUBJECT - 1] + "…"
