"""The actual and the wanted settings of a project hook, as values cheap to import."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Hook:
    """A project hook in GitLab; ``events`` are the triggers that are on.

    ``has_token`` and ``signs`` say how an event proves its origin. Older GitLabs do not show
    whether a token is set; then ``has_token`` is True.
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
    """The wanted settings. An empty signing token is not sent: GitLab before 19 has none."""

    url: str
    token: str
    signing_token: str
    events: frozenset[str]

    def body(self, known_events: frozenset[str]) -> dict[str, Any]:
        """The body for GitLab's API. It names every event, so unwanted events are turned off."""
        verify = self.url.startswith("https:")
        settings: dict[str, Any] = {"url": self.url, "token": self.token}
        settings |= {name: name in self.events for name in sorted(known_events | self.events)}
        settings |= {"enable_ssl_verification": verify, "name": "gitlab_links"}
        return settings | ({"signing_token": self.signing_token} if self.signing_token else {})
