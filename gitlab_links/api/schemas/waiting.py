"""What waits on a member."""

from marshmallow import fields

from gitlab_links.api.schemas.common import Answer, Strict, described
from gitlab_links.api.schemas.fields import Time, choice, text
from gitlab_links.links.waits import WaitReason
from gitlab_links.waiting.accounts import USERNAME
from gitlab_links.waiting.digests import MAX_ZONE, ZONE


class TaskOfWaitSchema(Answer):
    """A task that the merge request is linked to."""

    id = fields.UUID()
    reference = fields.String(metadata={"example": "ACME-12"})
    title = fields.String(metadata={"example": "Faster search"})


class WaitSchema(Answer):
    """A merge request that waits on the caller."""

    reason = choice(
        WaitReason,
        metadata=described(
            "`review`: they are a reviewer and have not reviewed. The others are about their own: "
            "as author or assignee."
        ),
    )
    since = Time(allow_none=True, metadata=described("The best time known."))
    days = fields.Integer(allow_none=True, metadata=described("Full days since then.", 3))
    url = fields.String(metadata={"example": "https://gitlab.example.com/a/b/-/merge_requests/7"})
    reference = fields.String(metadata={"example": "a/b!7"})
    title = fields.String(allow_none=True, metadata={"example": "Add an index"})
    merge_status = fields.String(allow_none=True, metadata={"example": "mergeable"})
    pipeline_status = fields.String(allow_none=True, metadata={"example": "success"})
    tasks = fields.List(fields.Nested(TaskOfWaitSchema))


class WaitingEnvelope(Answer):
    """What waits on the caller, by reason and the longest first, 200 at most."""

    gitlab_username = fields.String(
        allow_none=True,
        metadata=described(
            "As the caller gave it, or of the linked sign-in. Null: not known.", "ana.silva"
        ),
    )
    digest_time_zone = fields.String(
        allow_none=True,
        metadata=described("Of the caller's mail on workdays. Null: none.", "Europe/Berlin"),
    )
    waiting = fields.List(fields.Nested(WaitSchema))


class WaitingChange(Strict):
    """The caller's account in the org's GitLab, and their daily mail."""

    gitlab_username = text(
        1,
        256,
        USERNAME,
        "Not a user name of GitLab.",
        allow_none=True,
        metadata=described("With or without the @. Null clears it.", "ana.silva"),
    )
    digest_time_zone = text(
        1,
        MAX_ZONE,
        ZONE,
        "Not a time zone.",
        allow_none=True,
        metadata=described(
            "Send the caller a mail on workdays, in the morning of this time zone, if something "
            "waits. Null: none.",
            "Europe/Berlin",
        ),
    )
