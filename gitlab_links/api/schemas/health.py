"""The health of an org's connection, and its policy."""

from marshmallow import fields

from gitlab_links.accounts.roles import Role
from gitlab_links.api.schemas.common import Answer, Strict, described, envelope
from gitlab_links.api.schemas.fields import Time, choice
from gitlab_links.deltas.call_costs import ReadBy
from gitlab_links.deltas.trust import Because
from gitlab_links.gitlab.error_codes import Severity
from gitlab_links.health.report import HealthColour
from gitlab_links.health.token_rotation import TokenKind
from gitlab_links.observations.hook_states import HookState


class FindingSchema(Answer):
    """One problem."""

    code = fields.String(
        metadata=described(
            "An error code of the connection, or a code listed in docs/api/README.md. New "
            "releases add codes: treat an unknown one by its severity.",
            "hook_disabled",
        )
    )
    severity = choice(
        Severity, metadata=described("`critical`: links are, or will soon be, out of date.")
    )
    subject = fields.String(metadata=described("A project path, or empty.", "acme/app"))
    summary = fields.String(
        metadata=described(
            "The problem, for people.",
            "acme/app: GitLab has disabled the webhook for good after repeated failures.",
        )
    )
    remedy = fields.String(
        metadata=described("What to do about it.", "Press Repair beside the project.")
    )
    since = Time(
        allow_none=True,
        metadata=described(
            "When it was first found. Null if that was just now, or if the code is new in this "
            "release and not notified yet."
        ),
    )


class TokenHealthSchema(Answer):
    """The access token, as of the last check with GitLab."""

    scopes = fields.List(fields.String(metadata={"example": "read_api"}), allow_none=True)
    expires_at = Time(allow_none=True)
    username = fields.String(allow_none=True, metadata=described("The owner of the token.", "sam"))
    kind = choice(TokenKind, allow_none=True)
    checked_at = Time(allow_none=True)
    may_rotate = fields.Boolean(
        metadata=described("Whether it can be rotated: see `token/rotate`.")
    )


class WatchedProjectSchema(Answer):
    """A project with links, or a chosen one, and how its changes arrive."""

    id = fields.UUID()
    path = fields.String(metadata={"example": "acme/app"})
    former_path = fields.String(
        allow_none=True,
        metadata=described("Its path until it was renamed; links were updated.", "acme/api"),
    )
    renamed_at = Time(allow_none=True, metadata=described("When the rename was noticed."))
    picked = fields.Boolean(
        metadata=described("Whether it was chosen: then it is watched without links, too.")
    )
    links = fields.Integer(metadata={"example": 12, "minimum": 0})
    hook_state = choice(
        HookState,
        metadata=described(
            "As of `checked_at`. `elsewhere`: events come from a hook of a group or of the "
            "instance. `unreadable`: the token cannot see webhooks. `unproven`: the hook does "
            "not send the required secret or signature. `unknown`: not checked yet, or GitLab "
            "gave no answer."
        ),
    )
    disabled_until = Time(allow_none=True)
    events_missing = fields.List(
        fields.String(metadata={"example": "issues_events"}),
        metadata=described("Events that the hook should send and does not."),
    )
    error_code = fields.String(
        allow_none=True,
        metadata=described("Why its hooks could not be checked.", "http_403"),
    )
    checked_at = Time(allow_none=True)
    last_event_at = Time(allow_none=True)
    last_missed_at = Time(
        allow_none=True,
        metadata=described("When polling last found a change without an event."),
    )
    changes_by_webhook = fields.Integer(metadata=described("Within 7 days.", 40, minimum=0))
    changes_by_sweep = fields.Integer(
        metadata=described("Found by polling, within 7 days.", 0, minimum=0)
    )


class ConnectionHealthSchema(Answer):
    """The connection as a whole."""

    status = choice(
        HealthColour,
        metadata=described("`red`: something is critical; `amber`: something needs attention."),
    )
    checked_at = Time(
        allow_none=True,
        metadata=described(
            "When the token and every webhook had been checked; null while one of them has not "
            "been checked yet. A project that GitLab has never shown does not count."
        ),
    )
    findings = fields.List(fields.Nested(FindingSchema))
    token = fields.Nested(TokenHealthSchema)
    projects = fields.List(fields.Nested(WatchedProjectSchema))


class CallsByPurposeSchema(Answer):
    """Calls to GitLab by what they were for."""

    changes = fields.Integer(metadata=described("What changed in many projects.", 330, minimum=0))
    lists = fields.Integer(metadata=described("Lists of changes.", 12, minimum=0))
    statuses = fields.Integer(
        metadata=described("Pipeline and merge status of many merge requests.", 60, minimum=0)
    )
    items = fields.Integer(metadata=described("Items, up to a hundred in a call.", 90, minimum=0))
    hooks = fields.Integer(metadata=described("The state of webhooks.", 40, minimum=0))


class ProjectReadingSchema(Answer):
    """How the changes of a project are read, and why so often."""

    project_id = fields.UUID()
    by = choice(
        ReadBy,
        metadata=described(
            "`together`: one call says what changed in many projects. `list`: its own list. "
            "`items`: each item is fetched, because GitLab does not say what changed, or has "
            "not yet."
        ),
    )
    every_seconds = fields.Integer(metadata={"example": 264, "minimum": 1})
    because = choice(
        Because,
        metadata=described("Whether its webhook can be relied on; if not, it is read more often."),
    )
    error_code = fields.String(
        allow_none=True,
        metadata=described("Why GitLab does not say what changed.", "not_shown"),
    )
    read_at = Time(allow_none=True)
    calls_today = fields.Integer(
        metadata=described("Calls for this project alone, on this day in UTC.", 3, minimum=0)
    )
    calls_yesterday = fields.Integer(metadata={"example": 12, "minimum": 0})


class CallsSchema(Answer):
    """What calls to GitLab are for."""

    last_24_hours = fields.Nested(CallsByPurposeSchema)
    projects = fields.List(fields.Nested(ProjectReadingSchema))


ConnectionHealthEnvelope = envelope(
    "ConnectionHealthEnvelope", health=ConnectionHealthSchema, calls=CallsSchema
)


class CheckingEnvelope(Answer):
    """How much will be checked."""

    checking = fields.Integer(
        metadata=described("The number of projects, plus one for the token.", 3, minimum=0)
    )


WatchedProjectEnvelope = envelope("WatchedProjectEnvelope", project=WatchedProjectSchema)


class PolicySchema(Answer):
    """The org's settings for privacy and alerts."""

    confidential_roles = fields.List(
        choice(Role, metadata={"example": "admin"}),
        metadata=described("Who sees confidential items; others see only that one is linked."),
    )
    token_auto_rotate = fields.Boolean(
        metadata=described(
            "Whether the token is rotated automatically: a week before it expires, or with the "
            "last third of a life of less than three weeks."
        )
    )
    notify_url_host = fields.String(
        allow_none=True,
        metadata=described(
            "Where health alerts are sent: the host of a URL, or an e-mail address.",
            "chat.example.com",
        ),
    )


PolicyEnvelope = envelope("PolicyEnvelope", policy=PolicySchema)


class PolicyChangeSchema(Strict):
    """What to change; a field that is left out stays as it is."""

    confidential_roles = fields.List(
        choice(Role, metadata={"example": "admin"}),
        metadata=described("`admin` and `pm` are always among them; `member` may be added."),
    )
    token_auto_rotate = fields.Boolean(truthy={True}, falsy={False})
    notify_url = fields.String(
        metadata=described(
            "The endpoint for health alerts alone; `/event-endpoints` can do more. Each change of "
            "health is sent once: a URL that receives JSON, whose `text` "
            "chat services show, or an e-mail address, if the operator has set up a mail server. "
            "A URL is never returned. An empty string turns alerts off.",
            "https://chat.example.com/hooks/5kq7",
        )
    )


class TestAlertSchema(Answer):
    """The result of a test alert."""

    sent = fields.Boolean()
    reason = fields.String(
        allow_none=True,
        metadata=described("Why it was not delivered.", "The address cannot be reached."),
    )


TestAlertEnvelope = envelope("TestAlertEnvelope", alert=TestAlertSchema)
