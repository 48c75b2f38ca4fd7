"""What a check found, in words: how it is, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """``failure``: the service does not do its work; ``warning``: look into it."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence on one thing; ``advice`` says what to do unless it is well."""

    about: str
    level: Level
    told: str
    advice: str = ""


def ok(about: str, told: str) -> Finding:
    """All is well."""
    return Finding(about, Level.OK, told)


def warning(about: str, told: str, advice: str) -> Finding:
    """It works, and a person should look into it."""
    return Finding(about, Level.WARNING, told, advice)


def failure(about: str, told: str, advice: str) -> Finding:
    """It does not work."""
    return Finding(about, Level.FAILURE, told, advice)
