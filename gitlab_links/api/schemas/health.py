"""How an org's connection fares, and what can be done about it."""

from marshmallow import fields

from gitlab_links.accounts.roles import Role
from gitlab_links.api.schemas.common import Answer, Strict, described, envelope
from gitlab_links.api.schemas.fields import Time, choice
from gitlab_links.gitlab.error_codes import Severity
from gitlab_links.health.report import HealthColour
from gitlab_links.health.token_rotation import TokenKind
from gitlab_links.observations.states import HookState


class FindingSchema(Answer):
    """One thing that is wrong."""

    code = fields.String(
        metadata=described(
            "An error code of the connection, or one of those listed in docs/api/README.md. New "
            "ones come with new releases: take one you do not know by its severity.",
            "hook_disabled",
        )
    )
    severity = choice(
        Severity, metadata=described("`critical`: links are, or will soon be, out of date.")
    )
    subject = fields.String(metadata=described("A project path, or empty.", "acme/app"))
    summary = fields.String(
        metadata=described(
            "What is the matter, for people.",
            "acme/app: GitLab has disabled the webhook for good after repeated failures.",
        )
    )
    remedy = fields.String(
        metadata=described("What to do about it.", "Press Repair beside the project.")
    )
    since = Time(
        allow_none=True,
        metadata=described(
            "When it was noticed; null: just now, or a code that is new in this release and is not "
            "notified yet."
        ),
    )


class TokenHealthSchema(Answer):
    """The access token as GitLab last told it."""

    scopes = fields.List(fields.String(metadata={"example": "read_api"}), allow_none=True)
    expires_at = Time(allow_none=True)
    username = fields.String(allow_none=True, metadata=described("Whose token it is.", "sam"))
    kind = choice(TokenKind, allow_none=True)
    checked_at = Time(allow_none=True)
    may_rotate = fields.Boolean(
        metadata=described("Whether it can replace itself: see `token/rotate`.")
    )


class WatchedProjectSchema(Answer):
    """A project with links, and how its changes arrive."""

    id = fields.UUID()
    path = fields.String(metadata={"example": "acme/app"})
    former_path = fields.String(
        allow_none=True,
        metadata=described(
            "What it was called until `renamed_at`: links have followed.", "acme/api"
        ),
    )
    renamed_at = Time(allow_none=True, metadata=described("When that was noticed."))
    links = fields.Integer(metadata={"example": 12, "minimum": 0})
    hook_state = choice(
        HookState,
        metadata=described(
            "As of `checked_at`. `elsewhere`: events come by a hook of a group or of the "
            "instance. `unreadable`: the token may not see hooks. `unproven`: the hook does "
            "not send the secret or signature that is asked for. `unknown`: GitLab has not been "
            "asked, or gave no answer."
        ),
    )
    disabled_until = Time(allow_none=True)
    events_missing = fields.List(
        fields.String(metadata={"example": "issues_events"}),
        metadata=described("What the hook should send and does not."),
    )
    error_code = fields.String(
        allow_none=True,
        metadata=described("Why GitLab could not be asked about its hooks.", "http_403"),
    )
    checked_at = Time(allow_none=True)
    last_event_at = Time(allow_none=True)
    last_missed_at = Time(
        allow_none=True, metadata=described("When a change was last found that no event had told.")
    )
    changes_by_webhook = fields.Integer(metadata=described("Within 7 days.", 40, minimum=0))
    changes_by_sweep = fields.Integer(
        metadata=described("Found only by looking, within 7 days.", 0, minimum=0)
    )


class ConnectionHealthSchema(Answer):
    """The connection as a whole."""

    status = choice(
        HealthColour,
        metadata=described("`red`: something is critical; `amber`: something is to be looked at."),
    )
    checked_at = Time(
        allow_none=True,
        metadata=described(
            "Since when GitLab has told of the token and of every webhook; null while one of "
            "them is still to be looked at."
        ),
    )
    findings = fields.List(fields.Nested(FindingSchema))
    token = fields.Nested(TokenHealthSchema)
    projects = fields.List(fields.Nested(WatchedProjectSchema))


ConnectionHealthEnvelope = envelope("ConnectionHealthEnvelope", health=ConnectionHealthSchema)


class CheckingEnvelope(Answer):
    """How much will be looked at."""

    checking = fields.Integer(
        metadata=described("So many projects, and the token if it is one more.", 3, minimum=0)
    )


WatchedProjectEnvelope = envelope("WatchedProjectEnvelope", project=WatchedProjectSchema)


class PolicySchema(Answer):
    """What the org has decided."""

    confidential_roles = fields.List(
        choice(Role, metadata={"example": "admin"}),
        metadata=described("Who sees what confidential items say; others see that one is linked."),
    )
    token_auto_rotate = fields.Boolean(
        metadata=described("Whether the token replaces itself in its last week.")
    )
    notify_url_host = fields.String(
        allow_none=True,
        metadata=described(
            "Where changes of health are told: the host of a URL, or an e-mail address.",
            "chat.example.com",
        ),
    )


PolicyEnvelope = envelope("PolicyEnvelope", policy=PolicySchema)


class PolicyChangeSchema(Strict):
    """What to change; what is left out stays."""

    confidential_roles = fields.List(
        choice(Role, metadata={"example": "admin"}),
        metadata=described("`admin` and `pm` are always among them; `member` may be added."),
    )
    token_auto_rotate = fields.Boolean(truthy={True}, falsy={False})
    notify_url = fields.String(
        metadata=described(
            "Where each change of health is told, once: a URL that is posted JSON, whose `text` "
            "chat services show, or an e-mail address, if the operator has set up a mail server. "
            "A URL never comes back. An empty string clears it.",
            "https://chat.example.com/hooks/5kq7",
        )
    )


class TestAlertSchema(Answer):
    """What came of a test alert."""

    sent = fields.Boolean()
    reason = fields.String(
        allow_none=True,
        metadata=described("Why it was not taken.", "the address cannot be reached"),
    )


TestAlertEnvelope = envelope("TestAlertEnvelope", alert=TestAlertSchema)
