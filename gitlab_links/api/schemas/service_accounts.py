"""Service accounts."""

from marshmallow import fields

from gitlab_links.accounts.names import MAX_NAME, NAME
from gitlab_links.accounts.roles import Role
from gitlab_links.api.schemas.common import Answer, Strict, described, envelope, page_of
from gitlab_links.api.schemas.fields import Time, choice, text


class ServiceAccountSchema(Answer):
    """A service account: a program with a role, whose keys do not end with a person."""

    id = fields.UUID(metadata=described("The id by which the audit log names it."))
    name = fields.String(metadata={"example": "Deployment"})
    role = choice(Role)
    created_at = Time()


ServiceAccountEnvelope = envelope("ServiceAccountEnvelope", service_account=ServiceAccountSchema)
ServiceAccountsEnvelope = page_of("ServiceAccountsEnvelope", service_accounts=ServiceAccountSchema)


class NewServiceAccount(Strict):
    """The service account to create."""

    name = text(1, MAX_NAME, NAME, required=True, metadata={"example": "Deployment"})
    role = choice(Role, required=True)


class ServiceAccountChange(Strict):
    """What to change of a service account."""

    name = text(1, MAX_NAME, NAME, metadata={"example": "Deployment"})
    role = choice(Role)
