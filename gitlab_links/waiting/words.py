"""What waits, in words: for the page and the mail alike."""

from gitlab_links.links.waits import WaitReason
from gitlab_links.plurals import counted

HEADINGS = {
    WaitReason.REVIEW: "Waiting for your review",
    WaitReason.CHANGES: "Changes asked for",
    WaitReason.FAILED: "Pipeline failed",
    WaitReason.READY: "Ready to merge",
}


def days_waiting(days: int | None) -> str:
    """For how long something waits; empty if that is not known."""
    if days is None:
        return ""
    return "since today" if days == 0 else f"for {counted(days, 'day')}"
