"""Composing e-mails. Those to people have one thing to do, as text and as HTML saying the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from functools import cache
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, Template

from gitlab_links.clock import utcnow
from gitlab_links.extensions import settings
from gitlab_links.one_line import as_line

LONGEST_SUBJECT = 160
# Subjects are not folded: not every mail client unfolds them correctly.
_UNFOLDED = SMTP.clone(max_line_length=998)


@dataclass(frozen=True, slots=True)
class EmailEntry:
    """One entry of a list: a title that leads somewhere, and facts about it."""

    title: str
    facts: str
    url: str


@dataclass(frozen=True, slots=True)
class EmailList:
    """A list of entries under a heading."""

    heading: str
    entries: Sequence[EmailEntry]


@dataclass(frozen=True, slots=True)
class PersonEmail:
    """The words of an e-mail. ``lists`` come after the lines. ``button`` and ``url`` are the one
    thing to do; ``closing`` says what to do if the e-mail is unexpected.
    """

    to: str
    subject: str
    lines: Sequence[str]
    closing: str
    button: str = ""
    url: str = ""
    lists: Sequence[EmailList] = ()

    def composed(self) -> EmailMessage:
        """The message, without its sender."""
        host = urlsplit(settings().public_base_url).hostname
        message = new_email(self.to, self.subject, make_msgid(domain=host))
        to_do = [f"{self.button}:\n{self.url}"] if self.url else []
        parts = [*self.lines, *map(_as_text, self.lists), *to_do, self.closing]
        message.set_content("\n\n".join(parts) + "\n")
        message.add_alternative(self._as_html(), subtype="html")
        return message

    def _as_html(self) -> str:
        return _template().render(email=self, service=settings().public_base_url)


def new_email(to: str, subject: str, message_id: str) -> EmailMessage:
    """A message without its text, and without its sender, which the mail server's settings name."""
    message = EmailMessage(policy=_UNFOLDED)
    message["To"] = to
    # Names of orgs, people and projects come from others: none may start another header.
    message["Subject"] = as_line(subject, LONGEST_SUBJECT)
    message["Date"] = format_datetime(utcnow())
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    return message


def _as_text(listed: EmailList) -> str:
    entries = [f"- {one.title}\n  {one.facts}\n  {one.url}" for one in listed.entries]
    return "\n".join([f"{listed.heading}:", *entries])


@cache
def _template() -> Template:
    loader = PackageLoader("gitlab_links.emails")
    return Environment(loader=loader, autoescape=True).get_template("person.html")
