"""The result of a check: what was found, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """``failure``: the service does not work; ``warning``: the operator should check it."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one thing; ``advice`` says what to do, and is empty for ``ok``."""

    about: str
    level: Level
    message: str
    advice: str = ""


def ok(about: str, message: str) -> Finding:
    """A finding for what works."""
    return Finding(about, Level.OK, message)


def warning(about: str, message: str, advice: str) -> Finding:
    """A finding for what works but should be checked."""
    return Finding(about, Level.WARNING, message, advice)


def failure(about: str, message: str, advice: str) -> Finding:
    """A finding for what does not work."""
    return Finding(about, Level.FAILURE, message, advice)
