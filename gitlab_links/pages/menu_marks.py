"""What the menu says beside its entries: how much waits on the viewer, and GitLab's health."""

from dataclasses import dataclass

from flask import g

from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Permission
from gitlab_links.health.report import HealthColour
from gitlab_links.health.verdicts import stored_verdict
from gitlab_links.waiting.queries import waiting_count


@dataclass(frozen=True, slots=True)
class MenuMarks:
    """``waits`` is how many merge requests wait on the viewer. ``verdict`` is None for whoever
    does not see the entry *GitLab*, and while nothing is connected.
    """

    waits: int = 0
    verdict: HealthColour | None = None

    @classmethod
    def of(cls, principal: Principal) -> "MenuMarks":
        """The present marks; one statement for each that the viewer may see."""
        org_id, waits, verdict = principal.org_id, 0, None
        if principal.may(Permission.LINK_READ):
            waits = waiting_count(org_id, principal.user_id)
        if principal.may(Permission.INTEGRATION):
            verdict = g.verdict if "verdict" in g else stored_verdict(org_id)
        return cls(waits, verdict)


def show_verdict(verdict: HealthColour) -> None:
    """Have the menu of this answer show the verdict that the page itself shows, which may be
    newer than the stored one.
    """
    g.verdict = verdict
