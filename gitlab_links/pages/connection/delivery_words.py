"""Page texts for a delivery: what authenticated it, what it did, why it was not applied."""

from gitlab_links.deliveries.models import Doubt, Effect, Proof
from gitlab_links.pages.wording import Mark

PROOFS = {
    Proof.HOOK: "The secret of one project's own webhook. It is valid for that project only.",
    Proof.SHARED_SECRET: "The webhook secret shared by all webhooks. GitLab is asked to confirm.",
    Proof.SIGNATURE: "A signature made with the signing token. GitLab is asked to confirm.",
}
EFFECTS = {
    Effect.APPLIED: "The change was applied.",
    Effect.APPLIED_AND_FETCHED: "The change was applied, and the item was fetched from GitLab.",
    Effect.FETCHED: "The item was fetched from GitLab.",
    Effect.OUTDATED: "Nothing: the item shown here is newer.",
    Effect.NONE: "Nothing: the item is not linked.",
}
DOUBTS = {
    Doubt.CONTRADICTED: "GitLab's API gave different data, and the link shows that data. "
    "Someone who knows the webhook secret may have sent this event.",
    Doubt.DISTRUSTED: "Not applied: GitLab's API contradicted an earlier event of this project "
    "that came with the same secret.",
    Doubt.OTHER_INSTANCE: "Not applied: another GitLab sent it, perhaps a copy of yours.",
    Doubt.OTHER_PROJECT: "Not applied: its secret belongs to the webhook of another project.",
    Doubt.UNKNOWN_PROJECT: "Not applied: the id of the linked project is not known yet.",
}

_NOT_TRUSTED = Mark("Not trusted", "amber", "warning")
_FETCHED = Mark("Fetched from GitLab", "gray", "info")


def doubt_mark(doubt: str | None) -> Mark | None:
    """The badge of a delivery whose body was not used; None where it was."""
    if doubt is None:
        return None
    return _FETCHED if Doubt(doubt) is Doubt.UNKNOWN_PROJECT else _NOT_TRUSTED
