"""Mentions that make no link yet."""

from marshmallow import fields

from gitlab_links.api.schemas.common import Answer, described, page_of
from gitlab_links.api.schemas.fields import Time


class PendingMentionSchema(Answer):
    """An item of GitLab that names a task and is not linked to it."""

    id = fields.UUID()
    reference = fields.String(metadata={"example": "acme/app!12"})
    url = fields.String(
        metadata={"example": "https://gitlab.example.com/acme/app/-/merge_requests/12"}
    )
    task = fields.String(
        allow_none=True,
        metadata=described(
            "The task that does not exist yet; it is linked once it does. Null: the item names "
            "more than 20 tasks, and links none of them.",
            "ACME-120",
        ),
    )
    noted_at = Time()


PendingMentionsEnvelope = page_of("PendingMentionsEnvelope", mentions=PendingMentionSchema)
