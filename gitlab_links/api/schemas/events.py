"""Events, in the feed and as they are sent to endpoints."""

from marshmallow import fields, validate

from gitlab_links.api.schemas.common import Answer, Page, Strict, described, page_of
from gitlab_links.api.schemas.fields import Time, WholeNumber, choice, limit
from gitlab_links.audit.models import ActorKind
from gitlab_links.events.models import EventType
from gitlab_links.gitlab.items import ItemType

LARGEST_POSITION = 2**53 - 1


class EventTaskSchema(Answer):
    """The task of an event."""

    id = fields.UUID()
    reference = fields.String(allow_none=True, metadata={"example": "ACME-12"})
    url = fields.String(metadata=described("Answers 404 once the task is deleted."))


class EventLinkSchema(Answer):
    """The link of an event, and its item."""

    id = fields.UUID()
    item_id = fields.UUID(allow_none=True)
    gitlab_type = choice(ItemType, allow_none=True)
    reference = fields.String(allow_none=True, metadata={"example": "acme/app!12"})
    url = fields.String(
        allow_none=True,
        metadata={"example": "https://gitlab.example.com/acme/app/-/merge_requests/12"},
    )
    confidential = fields.Boolean()


class EventActorSchema(Answer):
    """Who made the change: a person, the operator, the service, or a rule of the org."""

    kind = choice(ActorKind)
    user_id = fields.UUID(allow_none=True)
    api_key_id = fields.UUID(allow_none=True)


class EventDataSchema(Answer):
    """What happened. Ids and references only: no description, no comment."""

    task = fields.Nested(EventTaskSchema, allow_none=True)
    link = fields.Nested(EventLinkSchema, allow_none=True)
    actor = fields.Nested(EventActorSchema)
    cause = fields.Dict(
        keys=fields.String(),
        values=fields.Raw(),
        allow_none=True,
        metadata=described(
            "What led to the change, by `kind`, such as `webhook` or `fetch`; null if somebody "
            "asked for the change itself.",
            {"kind": "webhook"},
        ),
    )
    changes = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.Raw(allow_none=True), validate=validate.Length(equal=2)),
        metadata=described(
            "The values before and after, by field.", {"state": ["opened", "merged"]}
        ),
    )
    detail = fields.Dict(
        keys=fields.String(),
        values=fields.Raw(),
        allow_none=True,
        metadata=described(
            "Further facts: the `code` of a problem of the connection, or who merged a merge "
            "request (`merged_by`, with `username` and `name`).",
            {},
        ),
    )
    withheld = fields.Boolean(
        metadata=described("The item is confidential: `changes` and `detail` are left out.", False)
    )


class EventSchema(Answer):
    """One event."""

    id = fields.UUID(metadata=described("The same wherever and however often it is sent."))
    type = choice(EventType, metadata={"example": "link.changed"})
    timestamp = Time()
    version = WholeNumber(
        metadata=described("Changes when programs have to; fields may be added without.", 1)
    )
    org_id = fields.UUID()
    position = WholeNumber(metadata=described("Orders the events of an org.", 412))
    data = fields.Nested(EventDataSchema)


class TaskEventSchema(Answer):
    """One event of a task's timeline."""

    id = fields.UUID(metadata=described("The same as in the feed."))
    type = choice(EventType, metadata={"example": "task.status_changed"})
    timestamp = Time()
    version = WholeNumber(metadata=described("As in the feed.", 1))
    data = fields.Nested(EventDataSchema)


TaskEventsEnvelope = page_of("TaskEventsEnvelope", events=TaskEventSchema)


class TaskEventsQuery(Page):
    """Which events of the task to read."""

    types = fields.List(
        choice(EventType),
        load_default=list,
        validate=validate.Length(0, 20),
        metadata=described("Only these types; repeat the parameter."),
    )


class EventFeedEnvelope(Answer):
    """A page of the feed."""

    events = fields.List(fields.Nested(EventSchema))
    next_after = WholeNumber(metadata=described("The `after` of the next request.", 412))
    has_more = fields.Boolean(metadata=described("More events can be read at once.", False))


class EventFeedQuery(Strict):
    """Where to go on, and which events to read."""

    after = WholeNumber(
        load_default=None,
        validate=validate.Range(0, LARGEST_POSITION),
        metadata=described("`next_after` of the answer before; without it from the oldest on."),
    )
    types = fields.List(
        choice(EventType),
        load_default=list,
        validate=validate.Length(0, 20),
        metadata=described("Only these types; repeat the parameter."),
    )
    limit = limit()
