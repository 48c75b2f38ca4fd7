"""The OpenID Connect issuer that people sign in with, as the operator sets it up."""

from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from gitlab_links.config import setting_values as values
from gitlab_links.config.setting_urls import public_url
from gitlab_links.mail import parse_mail_address

T = TypeVar("T")
LONGEST_LABEL = 40


@dataclass(frozen=True, slots=True)
class Issuer:
    """An issuer, and this service as its client.

    ``trusts_addresses``: an address that the issuer says is verified opens the account with that
    address. ``passwords`` is False if people can log in by the issuer only, and with a password
    only ``break_glass``, the address of one account.
    """

    url: str
    client_id: str
    client_secret: str = field(repr=False)
    label: str
    trusts_addresses: bool = False
    passwords: bool = True
    break_glass: str = ""

    def lets_in_by_password(self, email: str) -> bool:
        """Whether the account with this address may log in with its password."""
        return self.passwords or email == self.break_glass


class Reader(Protocol):
    """Reads one variable, and collects what is wrong."""

    problems: list[str]

    def read(self, name: str, parse: Any, default: T) -> T: ...


def read_issuer(reader: Reader) -> Issuer | None:
    """The issuer of the settings; None if there is none. Problems are added to the reader's."""
    url = reader.read("OIDC_ISSUER", public_url, "")
    client_id = reader.read("OIDC_CLIENT_ID", str, "")
    client_secret = reader.read("OIDC_CLIENT_SECRET", values.secret, "")
    label = reader.read("OIDC_LABEL", _label, "")
    trusts = reader.read("OIDC_TRUST_ADDRESSES", values.yes_or_no, False)
    passwords = reader.read("PASSWORD_LOGIN", values.yes_or_no, True)
    break_glass = reader.read("BREAK_GLASS_EMAIL", _address, "")
    found = Issuer(
        url, client_id, client_secret, label or _label_of(url), trusts, passwords, break_glass
    )
    _check(reader, found)
    return found if url else None


def _check(reader: Reader, found: Issuer) -> None:
    faulty = {problem.partition(":")[0] for problem in reader.problems}
    needed = {"OIDC_CLIENT_ID": found.client_id, "OIDC_CLIENT_SECRET": found.client_secret}
    if found.url:
        missing = [name for name, value in needed.items() if not value and name not in faulty]
        reader.problems += [f"{name}: required with OIDC_ISSUER" for name in missing]
    elif not found.passwords and "OIDC_ISSUER" not in faulty:
        reader.problems.append("PASSWORD_LOGIN: no is possible only with OIDC_ISSUER")
    if not found.passwords and not found.break_glass and "BREAK_GLASS_EMAIL" not in faulty:
        reader.problems.append(
            "BREAK_GLASS_EMAIL: required with PASSWORD_LOGIN=no, for when the issuer is away"
        )


def _address(text: str) -> str:
    return parse_mail_address(text).lower()


def _label(text: str) -> str:
    if len(text) > LONGEST_LABEL or not text.isprintable():
        raise ValueError(f"must be a name of at most {LONGEST_LABEL} characters, such as GitLab")
    return text


def _label_of(url: str) -> str:
    host = urlsplit(url).hostname or ""
    return "GitLab" if "gitlab" in host else host[:LONGEST_LABEL]
