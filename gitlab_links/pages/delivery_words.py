"""What has proven a delivery, what it did, and why it is not believed, in words."""

from dataclasses import dataclass

from gitlab_links.deliveries.models import Doubt, Effect, GitLabWebhookDelivery, Proof
from gitlab_links.pages.wording import Mark

PROOFS = {
    Proof.HOOK: "The secret of one project's own webhook. It proves events of that project alone.",
    Proof.SHARED_SECRET: "The webhook secret that all webhooks share. GitLab is asked to confirm.",
    Proof.SIGNATURE: "A signature by the signing token. GitLab is asked to confirm.",
}
EFFECTS = {
    Effect.APPLIED: "What it says was applied.",
    Effect.APPLIED_AND_FETCHED: "What it says was applied, and GitLab was asked for the rest.",
    Effect.FETCHED: "GitLab was asked about the item.",
    Effect.OUTDATED: "Nothing: newer content was known already.",
    Effect.NONE: "Nothing: no link has the item.",
}
DOUBTS = {
    Doubt.CONTRADICTED: "GitLab says that this is not so, and the link shows what GitLab says. "
    "Somebody who knows the webhook secret may have sent it.",
    Doubt.DISTRUSTED: "Not applied: GitLab has contradicted an event of this project that came "
    "with the same secret.",
    Doubt.OTHER_INSTANCE: "Not applied: another GitLab than the org's sent it, perhaps a copy.",
    Doubt.OTHER_PROJECT: "Not applied: its secret belongs to the webhook of another project.",
    Doubt.UNKNOWN_PROJECT: "Not applied: GitLab has not yet said which project the link is of.",
}

_DISBELIEF = Mark("Not believed", "amber", "warning")
_LOOKED_UP = Mark("Looked up in GitLab", "gray", "info")


def doubt_mark(doubt: str | None) -> Mark | None:
    """What marks a delivery whose body does not count; None where it does."""
    if doubt is None:
        return None
    return _LOOKED_UP if Doubt(doubt) is Doubt.UNKNOWN_PROJECT else _DISBELIEF


@dataclass(frozen=True, slots=True)
class DeliveryWords:
    """``effect`` is None until it was processed, ``doubt`` where there is none."""

    proof: str
    effect: str | None
    doubt: str | None


def words_of(delivery: GitLabWebhookDelivery) -> DeliveryWords:
    """The words for one delivery."""
    return DeliveryWords(
        proof=PROOFS[delivery.proof],
        effect=EFFECTS[Effect(delivery.effect)] if delivery.effect else None,
        doubt=DOUBTS[Doubt(delivery.doubt)] if delivery.doubt else None,
    )
