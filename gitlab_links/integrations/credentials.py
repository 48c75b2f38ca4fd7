"""The address and the decrypted token for calling an org's GitLab."""

import uuid
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from gitlab_links.errors import Conflict, DomainError, Invalid
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
    """The org has no base URL."""


class MissingToken(Conflict, code=ErrorCode.MISSING_TOKEN.value):
    """The org has no token."""


class BlockedAddress(Conflict, code=ErrorCode.BLOCKED_ADDRESS.value):
    """The operator does not allow calls to this address (any more)."""


def encrypt_token(token: str, *, org_id: uuid.UUID, base: BaseUrl) -> str:
    """The ciphertext to store: it decrypts only for this org and this address with its path."""
    return cipher().encrypt(token, org_id=org_id, origin=base.origin, path=base.path, purpose=TOKEN)


class Credentials(NamedTuple):
    """The address and the token in plaintext: for one use, never stored."""

    base: BaseUrl
    token: str

    def client(self, kind: type[Client], *, whole_seconds: float | None = None) -> Client:
        """A client of that kind, with the operator's limits; the caller closes it.

        All its calls together take ``whole_seconds`` at most, if given.
        """
        return kind(self.base, self.token, whole_seconds=whole_seconds, **settings().gitlab_client)


def credentials_of(integration: OrgGitLabIntegration | None) -> Credentials:
    """Decrypt the token; no database.

    Raises a :class:`Conflict` with one of the API's codes: ``missing_integration``,
    ``missing_token``, ``blocked_address``, ``encryption_key_missing``,
    ``encryption_key_invalid``, ``invalid_token_ciphertext``.
    """
    if integration is None or integration.base_url is None:
        raise IntegrationMissing("This org is not connected to a GitLab.")
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


def still_has(integration: OrgGitLabIntegration, token: str) -> bool:
    """Whether it is the integration's token. Compares the plaintext: `flask rotate-keys` may
    have re-encrypted it meanwhile.
    """
    try:
        return credentials_of(integration).token == token
    except DomainError:
        return False
