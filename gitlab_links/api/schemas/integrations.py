"""An org's GitLab."""

from marshmallow import fields

from gitlab_links.api.schemas.common import Answer, Strict, described, envelope
from gitlab_links.api.schemas.fields import Time, choice
from gitlab_links.api.schemas.links import PersonSchema
from gitlab_links.health.token_check import ValidationStatus
from gitlab_links.integrations.summaries import HealthStatus

_NEVER_READ = "Never returned. An empty string deletes it."
# For the contract only: the domain checks these values.
_HEADER_SAFE = "^[!-~]{0,255}$"
_SIGNING_TOKEN = "^(?:whsec_(?:[A-Za-z0-9+/]{4}){8,20}(?:[A-Za-z0-9+/]{3}=)?)?$"


class HealthSchema(Answer):
    """The health of the connection."""

    status = choice(
        HealthStatus,
        metadata=described(
            "`ok`: `health` is green. `attention`: it is amber or red; without an error code, see "
            "its findings."
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
    webhook_url = fields.String(metadata=described("The URL to enter in GitLab's webhook form."))
    signing_configured = fields.Boolean()
    health = fields.Nested(HealthSchema)


IntegrationEnvelope = envelope("IntegrationEnvelope", gitlab=IntegrationSchema)


class IntegrationChangeSchema(Strict):
    """What to change; a field left out stays as it is, an empty string deletes it."""

    base_url = fields.String(
        metadata=described(
            "The address of GitLab. Another origin or path is another GitLab: token, signing "
            "token, webhook secret and the secrets of hooks created here are deleted at once, "
            "unless the same request sets them.",
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
            "What GitLab sends as `X-Gitlab-Token`. The previous one stays valid for 24 hours. "
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
            "A token created at the new address; the current one belongs to the old address.",
            "glpat-Vd7rT2mYkLp8sNbEuHgJ",
            pattern=_HEADER_SAFE,
        ),
    )


class GitLabMovedEnvelope(Answer):
    """The integration after a move, and what was moved."""

    gitlab = fields.Nested(IntegrationSchema)
    moved_projects = fields.Integer(
        metadata=described("The number of projects moved.", 3, minimum=0)
    )
    differences = fields.List(
        fields.String(),
        metadata=described("Why links that point to a third address were not changed."),
    )


class ValidationSchema(Answer):
    """The result of checking the token with GitLab."""

    status = choice(
        ValidationStatus,
        metadata=described("`not_validated`: GitLab was not called, or gave no usable answer."),
    )
    error_code = fields.String(
        allow_none=True,
        metadata=described(
            "missing_integration, missing_token, encryption_key_missing, "
            "encryption_key_invalid, invalid_token_ciphertext, auth_error, insufficient_scope, "
            "rate_limited, network_error, blocked_address, or http_ and GitLab's status."
        ),
    )
    user = fields.Nested(
        PersonSchema, allow_none=True, metadata=described("The owner of the token.")
    )
    scopes = fields.List(fields.String(), allow_none=True)
    missing_scopes = fields.List(
        fields.String(metadata={"example": "read_api"}),
        metadata=described(
            "With `insufficient_scope`: one of these scopes is needed. For a fine-grained token: "
            "the permissions it lacks, also if it is valid and lacks them for some links only."
        ),
    )
    expires_at = Time(allow_none=True)
    gitlab_version = fields.String(allow_none=True, metadata={"example": "19.2.0-ee"})


class WebhookSecretEnvelope(Answer):
    """A webhook secret, which is shown only once."""

    webhook_secret = fields.String(
        metadata=described(
            "Enter it in GitLab's webhook form as the secret token. It cannot be read again.",
            "glw_Vd7rT2mYkLp8sNbEuHgJ4iRo6AqXtZw9fZ3aQ1xW0c5",
        )
    )
