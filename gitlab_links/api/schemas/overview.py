"""The overview of an org."""

from marshmallow import fields

from gitlab_links.api.schemas.common import Answer, described, envelope
from gitlab_links.api.schemas.fields import Time, choice
from gitlab_links.overview.figures import Age
from gitlab_links.rollup.needs import Need


class NeedCountSchema(Answer):
    """How many tasks have a need: as many as the list of tasks has with this `need`."""

    need = choice(Need)
    tasks = fields.Integer(metadata={"example": 3})


class OpenWorkSchema(Answer):
    """Open work by the time since its task was created or its merge request was opened."""

    age = choice(Age)
    tasks = fields.Integer(metadata=described("Tasks that are not done.", 12))
    merge_requests = fields.Integer(
        allow_none=True,
        metadata=described(
            "Open merge requests that are linked to a task. Null for callers who may not see "
            "links.",
            5,
        ),
    )


class DurationSchema(Answer):
    """The median of `n` durations."""

    median_seconds = fields.Integer(
        allow_none=True, metadata=described("Null if `n` is 0.", 93_600)
    )
    n = fields.Integer(metadata={"example": 14})


_OPEN_TO_MERGED = "From opening a linked merge request to merging it, by the time of the merge."
_TASK_TO_LAST_MERGE = (
    "From creating a task to merging the last of its merge requests, by the time of that merge: "
    "of tasks whose merge requests have all ended, and which were created before that merge."
)


class WeekSchema(Answer):
    """What happened to linked merge requests in a week."""

    start = fields.Date(metadata=described("A Monday; weeks begin at midnight in UTC."))
    opened = fields.Integer(metadata={"example": 9})
    merged = fields.Integer(metadata={"example": 7})
    open_to_merged = fields.Nested(DurationSchema, metadata=described(_OPEN_TO_MERGED))
    task_to_last_merge = fields.Nested(DurationSchema, metadata=described(_TASK_TO_LAST_MERGE))


class FlowSchema(Answer):
    """The last 12 weeks, the oldest first and the present one last, and all of them together."""

    weeks = fields.List(fields.Nested(WeekSchema))
    open_to_merged = fields.Nested(DurationSchema, metadata=described(_OPEN_TO_MERGED))
    task_to_last_merge = fields.Nested(DurationSchema, metadata=described(_TASK_TO_LAST_MERGE))


class OverviewSchema(Answer):
    """What needs somebody, and how work flows, as far as the caller may see it."""

    computed_at = Time()
    needs = fields.List(
        fields.Nested(NeedCountSchema), metadata=described("The most urgent need first.")
    )
    open_work = fields.List(
        fields.Nested(OpenWorkSchema), metadata=described("The youngest age first.")
    )
    flow = fields.Nested(
        FlowSchema,
        allow_none=True,
        metadata=described("Null for callers who may not see links."),
    )


OverviewEnvelope = envelope("OverviewEnvelope", overview=OverviewSchema)
