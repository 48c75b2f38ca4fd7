"""Parsers of single settings. ValueError says what would be valid."""

import ssl
from collections.abc import Callable

from gitlab_links.mail import parse_mail_address

SHORTEST_SECRET_KEY = 16
PLACEHOLDERS = frozenset({"change-me", "changeme", "change_me", "placeholder"})
SHORTEST_METRICS_TOKEN = 16
DAY = 86_400
MEGABYTE = 1024 * 1024


def secret(text: str) -> str:
    """A secret that is not a placeholder of an example."""
    if text.lower() in PLACEHOLDERS:
        raise ValueError("is still a placeholder")
    return text


def secret_key(text: str) -> str:
    """A secret that is long enough."""
    if len(secret(text)) < SHORTEST_SECRET_KEY:
        raise ValueError(
            f"must have {SHORTEST_SECRET_KEY} characters or more; create one with: "
            "python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
        )
    return text


def metrics_token(text: str) -> str:
    """A token that is long enough."""
    if len(text) < SHORTEST_METRICS_TOKEN:
        raise ValueError(f"must have {SHORTEST_METRICS_TOKEN} characters or more")
    return text


def ca_file(text: str) -> str:
    """The path of a file with certificates."""
    try:
        ssl.create_default_context(cafile=text)
    except ssl.SSLError:
        raise ValueError(f"{text} contains no certificates in PEM format") from None
    return text


def keys(text: str) -> tuple[str, ...]:
    """Secrets separated by commas."""
    return tuple(secret(key) for key in parts(text))


def emails(text: str) -> frozenset[str]:
    """E-mail addresses separated by commas, in lower case as in accounts."""
    return frozenset(parse_mail_address(one) for one in parts(text.lower()))


def parts(text: str) -> tuple[str, ...]:
    """The parts between commas, without spaces."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def integer(low: int, high: int) -> Callable[[str], int]:
    """A parser of whole numbers from ``low`` to ``high``, both included."""

    def parse(text: str) -> int:
        plain = len(text) <= 12 and text.isascii() and text.isdigit()
        if not plain or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}, not {text[:40]!r}")
        return int(text)

    return parse


def days(text: str) -> int:
    """A number of days, as seconds."""
    return integer(1, 3650)(text) * DAY


def megabytes(text: str) -> int:
    """A number of megabytes, as bytes."""
    return integer(1, 1_000_000)(text) * MEGABYTE


def yes_or_no(text: str) -> bool:
    """``yes`` or ``no``."""
    if text.lower() not in {"yes", "no"}:
        raise ValueError("must be yes or no")
    return text.lower() == "yes"


def log_level(text: str) -> str:
    """A level of Python's logging, in capitals."""
    if text.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
    return text.upper()
