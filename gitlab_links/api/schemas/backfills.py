"""Looking back for mentions."""

from marshmallow import fields

from gitlab_links.api.schemas.common import Answer, Strict, described, envelope, page_of
from gitlab_links.api.schemas.fields import Time, choice
from gitlab_links.backfills.changes import Step
from gitlab_links.backfills.models import BackfillStage


class BackfillSchema(Answer):
    """A look back over the items that GitLab has had for long."""

    id = fields.UUID()
    stage = choice(
        BackfillStage,
        metadata=described(
            "`looking` for mentions, `found` and waiting for `link`, `linking`, `done`, `stopped` "
            "or `failed`; the last two can be resumed."
        ),
    )
    lists = fields.Integer(metadata=described("The lists of GitLab to read.", 12, minimum=0))
    lists_left = fields.Integer(metadata={"example": 3, "minimum": 0})
    calls = fields.Integer(metadata=described("Calls to GitLab so far.", 9, minimum=0))
    skipped = fields.Integer(metadata=described("Lists that GitLab refused.", 0, minimum=0))
    items = fields.Integer(
        metadata=described("Items that mention a task which does not link them.", 214, minimum=0)
    )
    tasks = fields.Integer(metadata=described("The tasks that they mention.", 180, minimum=0))
    links_made = fields.Integer(metadata={"example": 0, "minimum": 0})
    error_code = fields.String(
        allow_none=True, metadata=described("Of the last call that failed.", "http_403")
    )
    error_detail = fields.String(allow_none=True)
    created_at = Time()
    finished_at = Time(allow_none=True)


class FoundItemSchema(Answer):
    """An item that would be linked."""

    id = fields.UUID()
    reference = fields.String(metadata={"example": "acme/app!12"})
    url = fields.String(
        metadata={"example": "https://gitlab.example.com/acme/app/-/merge_requests/12"}
    )
    title = fields.String(
        allow_none=True,
        metadata=described("Null for callers who may not see a confidential item."),
    )
    tasks = fields.List(fields.String(metadata={"example": "ACME-12"}))


BackfillEnvelope = envelope("BackfillEnvelope", backfill=BackfillSchema)
FoundItemsEnvelope = page_of("FoundItemsEnvelope", items=FoundItemSchema)


class BackfillChange(Strict):
    """The next step of a look back."""

    step = choice(
        Step,
        required=True,
        metadata=described("`link` what was found, `stop`, or `resume`."),
    )
