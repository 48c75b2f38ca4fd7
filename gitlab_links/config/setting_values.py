"""The values of settings, each read from its text. ValueError says what would be right."""

import ssl
from collections.abc import Callable

from gitlab_links.mail import parse_mail_address

SHORTEST_SECRET_KEY = 16
PLACEHOLDERS = frozenset({"change-me", "changeme", "change_me", "placeholder"})
SHORTEST_METRICS_TOKEN = 16
DAY = 86_400
MEGABYTE = 1024 * 1024


def secret(text: str) -> str:
    """Not one of the values that examples hold."""
    if text.lower() in PLACEHOLDERS:
        raise ValueError("still holds a placeholder")
    return text


def secret_key(text: str) -> str:
    """Long enough that it cannot be guessed."""
    if len(secret(text)) < SHORTEST_SECRET_KEY:
        raise ValueError(
            f"must have {SHORTEST_SECRET_KEY} characters or more; make one with: "
            "python -c 'import secrets; print(secrets.token_urlsafe(48))'"
        )
    return text


def metrics_token(text: str) -> str:
    """Long enough that it cannot be guessed."""
    if len(text) < SHORTEST_METRICS_TOKEN:
        raise ValueError(f"must have {SHORTEST_METRICS_TOKEN} characters or more")
    return text


def ca_file(text: str) -> str:
    """The path of a file that holds certificates."""
    try:
        ssl.create_default_context(cafile=text)
    except ssl.SSLError:
        raise ValueError(f"{text} holds no certificates in PEM form") from None
    return text


def keys(text: str) -> tuple[str, ...]:
    """Several secrets, separated by commas."""
    return tuple(secret(key) for key in parts(text))


def emails(text: str) -> frozenset[str]:
    """In lower case, as accounts have them."""
    return frozenset(parse_mail_address(one) for one in parts(text.lower()))


def parts(text: str) -> tuple[str, ...]:
    """What stands between commas, without blanks."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def integer(low: int, high: int) -> Callable[[str], int]:
    """A reader of whole numbers within bounds, both included."""

    def parse(text: str) -> int:
        plain = len(text) <= 12 and text.isascii() and text.isdigit()
        if not plain or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}, not {text[:40]!r}")
        return int(text)

    return parse


def days(text: str) -> int:
    """Days, in seconds."""
    return integer(1, 3650)(text) * DAY


def megabytes(text: str) -> int:
    """Megabytes, in bytes."""
    return integer(1, 1_000_000)(text) * MEGABYTE


def log_level(text: str) -> str:
    """A level of Python's logging, in capitals."""
    if text.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
    return text.upper()
