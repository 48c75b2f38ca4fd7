"""A request to an endpoint and its outcome, as values. Web processes read these without the HTTP
client, which is slow to import.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage


@dataclass(frozen=True, slots=True)
class Request:
    """What to send: a POST, or ``mail``. Its parts may contain secrets."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    mail: EmailMessage | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: ``failure`` is None if it was accepted, else the reason in words.

    ``answer`` is the beginning of the answer's text; ``retry_after`` is in seconds.
    """

    seconds: float
    status: int | None = None
    failure: str | None = None
    answer: str = ""
    retry_after: float | None = None
