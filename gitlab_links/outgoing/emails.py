"""A health alert as an e-mail."""

from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

from gitlab_links.emails.composition import new_email


def email_of(body: dict[str, Any], to: str) -> EmailMessage:
    """The e-mail with the texts of the JSON body.

    A retry has the same Message-ID, so most mail clients show only one of two copies.
    """
    over = body["closed_at"] is not None
    subject = f"[{body['org_name']}] {'Over: ' if over else ''}{body['summary']}"
    host = urlsplit(body["url"]).hostname
    message_id = f"<{body['id']}.{'closed' if over else 'opened'}@{host}>"
    message = new_email(to, subject, message_id)
    message_line = f"Over: {body['summary']}" if over else body["summary"]
    about = f"About the GitLab connection of the org {body['org_name']}."
    lines = [message_line, body["remedy"], about, body["url"]]
    message.set_content("\n\n".join(line for line in lines if line) + "\n")
    return message
