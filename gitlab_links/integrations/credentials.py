"""What it takes to call an org's GitLab: the address and the token, or why not."""

import uuid
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from gitlab_links.errors import Conflict, Invalid
from gitlab_links.extensions import settings
from gitlab_links.gitlab.error_codes import ErrorCode
from gitlab_links.gitlab.urls import BaseUrl, parse_base_url
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.security import cipher

if TYPE_CHECKING:
    from gitlab_links.gitlab.client import GitLabClient

Client = TypeVar("Client", bound="GitLabClient")

TOKEN = "token"
SIGNING_TOKEN = "signing-token"


class IntegrationMissing(
    Conflict, code=ErrorCode.MISSING_INTEGRATION.value, former_code="integration_missing"
):
    """The org has not said where its GitLab is."""


class MissingToken(Conflict, code=ErrorCode.MISSING_TOKEN.value):
    """The org has set no token."""


class BlockedAddress(Conflict, code=ErrorCode.BLOCKED_ADDRESS.value):
    """The operator does not, or no longer, allow calls to this address."""


def encrypt_token(token: str, *, org_id: uuid.UUID, base: BaseUrl) -> str:
    """The token to be stored: it opens for this org and this address alone, path included."""
    return cipher().encrypt(token, org_id=org_id, origin=base.origin, path=base.path, purpose=TOKEN)


class Credentials(NamedTuple):
    """Where the org's GitLab is, and the token in clear: for one call, never to be kept."""

    base: BaseUrl
    token: str

    def client(self, kind: type[Client], *, whole_seconds: float | None = None) -> Client:
        """A client of that kind, within the operator's limits; to be closed by the caller.

        All its calls together take ``whole_seconds`` at most, where that is given.
        """
        return kind(self.base, self.token, whole_seconds=whole_seconds, **settings().gitlab_client)


def credentials_of(integration: OrgGitLabIntegration | None) -> Credentials:
    """Decrypt the token; touches no database.

    Raises a :class:`Conflict` whose code is one of the contract's: ``missing_integration``,
    ``missing_token``, ``blocked_address``, ``encryption_key_missing``,
    ``encryption_key_invalid``, ``invalid_token_ciphertext``.
    """
    if integration is None or integration.base_url is None:
        raise IntegrationMissing("This org is not connected to a GitLab yet.")
    if integration.token_ciphertext is None:
        raise MissingToken("This org has set no access token for its GitLab.")
    try:
        base = parse_base_url(integration.base_url, settings().gitlab_allowed_hosts)
    except Invalid as refusal:
        raise BlockedAddress(refusal.detail) from None
    token = cipher().decrypt(
        integration.token_ciphertext,
        org_id=integration.org_id,
        origin=base.origin,
        path=base.path,
        purpose=TOKEN,
    )
    return Credentials(base, token)
