"""What an issuer says about a person, checked and parsed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from gitlab_links.errors import DomainError
from gitlab_links.mail import parse_mail_address

LONGEST_SUBJECT, LONGEST_NAME = 255, 100


class SignInRefused(DomainError, status=403, code="sign_in_refused"):
    """The issuer's answer does not let anybody in; the detail is for the person (403)."""


@dataclass(frozen=True, slots=True)
class Claims:
    """A person at an issuer. ``address`` is set only if the issuer says it is verified.

    ``name`` is the username or name, to be shown.
    """

    issuer: str
    subject: str
    name: str
    address: str | None

    @classmethod
    def read(cls, issuer: str, said: Mapping[str, Any]) -> Self:
        """Read the claims of a validated ID token; raises :class:`SignInRefused`."""
        subject = said.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
            raise SignInRefused("The issuer does not say who you are.")
        names = (said.get(name) for name in ("preferred_username", "nickname", "name", "email"))
        name = next((name for name in names if isinstance(name, str) and name.strip()), subject)
        plain = "".join(c for c in name if c.isprintable()).strip()
        return cls(issuer, subject, plain[:LONGEST_NAME] or subject, _verified_address(said))


def _verified_address(said: Mapping[str, Any]) -> str | None:
    """Only ``true`` counts: some issuers send a text, which is no promise."""
    if said.get("email_verified") is not True or not isinstance(said.get("email"), str):
        return None
    try:
        return parse_mail_address(said["email"].strip()).lower()
    except ValueError:
        return None
