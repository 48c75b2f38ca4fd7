"""An org's GitLab."""

from marshmallow import fields

from gitlab_links.api.schemas.common import Answer, Strict, described, envelope
from gitlab_links.api.schemas.fields import Time, choice
from gitlab_links.api.schemas.links import PersonSchema
from gitlab_links.health.token_check import ValidationStatus
from gitlab_links.integrations.summaries import HealthStatus

_NEVER_READ = "Never comes back. An empty string clears it."
# What is refused is told by the domain; these say it in advance.
_HEADER_SAFE = "^[!-~]{0,255}$"
_SIGNING_TOKEN = "^(?:whsec_(?:[A-Za-z0-9+/]{4}){8,20}(?:[A-Za-z0-9+/]{3}=)?)?$"


class HealthSchema(Answer):
    """How the connection fares."""

    status = choice(
        HealthStatus,
        metadata=described(
            "`ok`: `health` is green. `attention`: it is amber or red; without an error code, its "
            "findings say why."
        ),
    )
    error_code = fields.String(allow_none=True, metadata={"example": "auth_error"})
    paused_until = Time(allow_none=True)
    last_event_at = Time(allow_none=True, metadata=described("When GitLab last sent a webhook."))
    last_synced_at = Time(allow_none=True, metadata=described("When GitLab last answered."))


class IntegrationSchema(Answer):
    """The org's GitLab as configured."""

    base_url = fields.String(allow_none=True, metadata={"example": "https://gitlab.example.com"})
    has_token = fields.Boolean()
    token_set_at = Time(allow_none=True)
    token_expires_at = Time(allow_none=True)
    token_scopes = fields.List(fields.String(metadata={"example": "read_api"}), allow_none=True)
    webhook_configured = fields.Boolean()
    webhook_url = fields.String(metadata=described("To be entered in GitLab's webhook form."))
    signing_configured = fields.Boolean()
    health = fields.Nested(HealthSchema)


IntegrationEnvelope = envelope("IntegrationEnvelope", gitlab=IntegrationSchema)


class IntegrationChangeSchema(Strict):
    """What to change; what is left out stays, an empty string clears."""

    base_url = fields.String(
        metadata=described(
            "Where GitLab is. Another origin or path is another GitLab: token, signing token, "
            "webhook secret and the secrets of hooks made here are forgotten at once, unless "
            "they come with it.",
            "https://gitlab.example.com",
        )
    )
    token = fields.String(
        metadata=described(
            "A personal, project or group access token with the scope `read_api`. " + _NEVER_READ,
            "glpat-Vd7rT2mYkLp8sNbEuHgJ",
            pattern=_HEADER_SAFE,
        )
    )
    webhook_secret = fields.String(
        metadata=described(
            "What GitLab sends as `X-Gitlab-Token`. The one before stays good for 24 hours. "
            + _NEVER_READ,
            "glw_Vd7rT2mYkLp8sNbEuHgJ4iRo6AqXtZw9fZ3aQ1xW0c5",
            pattern=_HEADER_SAFE,
        )
    )
    signing_token = fields.String(
        metadata=described(
            "GitLab's signing token (`whsec_...`, GitLab 19). Once set, unsigned webhooks are "
            "refused. " + _NEVER_READ,
            "whsec_VGhpcyBpcyBub3QgYSByZWFsIHNpZ25pbmcga2V5ISE=",
            pattern=_SIGNING_TOKEN,
        )
    )


class GitLabMoveSchema(Strict):
    """Where the org's GitLab is now, and a new token for it."""

    base_url = fields.String(
        required=True,
        metadata=described("The new address.", "https://gitlab.example.org"),
    )
    token = fields.String(
        required=True,
        metadata=described(
            "A token made at the new address; the former one was for the former address.",
            "glpat-Vd7rT2mYkLp8sNbEuHgJ",
            pattern=_HEADER_SAFE,
        ),
    )


class GitLabMovedEnvelope(Answer):
    """The integration after a move, and what was carried over."""

    gitlab = fields.Nested(IntegrationSchema)
    moved_projects = fields.Integer(
        metadata=described("So many projects, with their links.", 3, minimum=0)
    )
    differences = fields.List(
        fields.String(),
        metadata=described("Why links that lead to yet another address were left as they are."),
    )


class ValidationSchema(Answer):
    """What came of asking GitLab about the token."""

    status = choice(
        ValidationStatus,
        metadata=described("`not_validated`: GitLab was not asked or did not tell."),
    )
    error_code = fields.String(
        allow_none=True,
        metadata=described(
            "missing_integration, missing_token, encryption_key_missing, "
            "encryption_key_invalid, invalid_token_ciphertext, auth_error, insufficient_scope, "
            "rate_limited, network_error, blocked_address, or http_ and GitLab's status."
        ),
    )
    user = fields.Nested(PersonSchema, allow_none=True, metadata=described("Whose token it is."))
    scopes = fields.List(fields.String(), allow_none=True)
    missing_scopes = fields.List(
        fields.String(metadata={"example": "read_api"}),
        metadata=described(
            "With `insufficient_scope`: one of these scopes would do. Of a fine-grained token: "
            "the permissions it lacks, also of a valid one that lacks them for some links."
        ),
    )
    expires_at = Time(allow_none=True)
    gitlab_version = fields.String(allow_none=True, metadata={"example": "19.2.0-ee"})


class WebhookSecretEnvelope(Answer):
    """A webhook secret, this once."""

    webhook_secret = fields.String(
        metadata=described(
            "Enter it in GitLab's webhook form as the secret token. It cannot be read again.",
            "glw_Vd7rT2mYkLp8sNbEuHgJ4iRo6AqXtZw9fZ3aQ1xW0c5",
        )
    )
