"""A project hook as GitLab shows it, and as it is to be: values that cost nothing to import."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Hook:
    """A project hook as GitLab shows it; ``events`` are the triggers that are on.

    ``has_token`` and ``signs`` tell which proof of its origin an event will bear; before
    GitLab told of tokens, one counts as set.
    """

    id: int
    url: str
    events: frozenset[str]
    alert_status: str
    disabled_until: datetime | None
    has_token: bool
    signs: bool


@dataclass(frozen=True, slots=True)
class HookSettings:
    """What a hook is to be; an empty signing token is left out, as GitLab before 19 knows none."""

    url: str
    token: str
    signing_token: str
    events: frozenset[str]

    def body(self, known_events: frozenset[str]) -> dict[str, Any]:
        """For GitLab's API: every event is named, so that those unwanted go off."""
        verify = self.url.startswith("https:")
        settings: dict[str, Any] = {"url": self.url, "token": self.token}
        settings |= {name: name in self.events for name in sorted(known_events | self.events)}
        settings |= {"enable_ssl_verification": verify, "name": "gitlab_links"}
        return settings | ({"signing_token": self.signing_token} if self.signing_token else {})
