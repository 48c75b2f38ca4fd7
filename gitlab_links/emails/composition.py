"""Composing an e-mail with one thing to do, as text and as HTML that says the same."""

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

LONGEST_SUBJECT = 160
# Subjects are not folded: not every mail client unfolds them correctly.
UNFOLDED = SMTP.clone(max_line_length=998)


@dataclass(frozen=True, slots=True)
class PersonEmail:
    """The words of an e-mail. ``button`` and ``url`` are the one thing to do; ``closing`` says
    what to do if the e-mail is unexpected.
    """

    to: str
    subject: str
    lines: Sequence[str]
    closing: str
    button: str = ""
    url: str = ""

    def composed(self) -> EmailMessage:
        """The message, without its sender, which the mail server's settings name."""
        message = EmailMessage(policy=UNFOLDED)
        message["To"] = self.to
        # Names of orgs and people come from users: none may start another header.
        message["Subject"] = " ".join(self.subject.split())[:LONGEST_SUBJECT]
        message["Date"] = format_datetime(utcnow())
        host = urlsplit(settings().public_base_url).hostname
        message["Message-ID"] = make_msgid(domain=host)
        message["Auto-Submitted"] = "auto-generated"
        parts = [*self.lines, *([f"{self.button}:\n{self.url}"] if self.url else []), self.closing]
        message.set_content("\n\n".join(parts) + "\n")
        message.add_alternative(self._as_html(), subtype="html")
        return message

    def _as_html(self) -> str:
        return _template().render(email=self, service=settings().public_base_url)


@cache
def _template() -> Template:
    loader = PackageLoader("gitlab_links.emails")
    return Environment(loader=loader, autoescape=True).get_template("person.html")
