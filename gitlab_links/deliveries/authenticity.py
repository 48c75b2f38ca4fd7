"""Authenticate a webhook's sender. The same rule in SQL and in Python."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from sqlalchemy import Connection, and_, bindparam, or_, select

from gitlab_links.errors import DomainError, Forbidden
from gitlab_links.gitlab.signatures import TOKEN_PREFIX, is_signed, signature_valid
from gitlab_links.integrations.credentials import SIGNING_TOKEN
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.integrations.webhook_secrets import (
    hash_webhook_secret,
    webhook_secret_matches,
)
from gitlab_links.observations.hook_secrets import is_valid_secret
from gitlab_links.observations.models import GitLabHookSecret
from gitlab_links.security import SecretCipher, cipher

DECOY_TOKEN = TOKEN_PREFIX + "A" * 43 + "="

# Built once, on table columns: for each webhook the ORM would cost more than the answer.
_integrations = OrgGitLabIntegration.__table__.c
_hook_secrets = GitLabHookSecret.__table__.c
# One probe of a unique index, in the same statement. Hooks that this service created have their
# own secrets, each of which authenticates events of one project.
HOOK_PROJECT = (
    select(_hook_secrets.project_id)
    .where(
        _hook_secrets.org_id == bindparam("org_id"),
        _hook_secrets.secret_hash == bindparam("given"),
        is_valid_secret(_hook_secrets.ends_at, bindparam("received_at")),
    )
    .scalar_subquery()
)
_SECRETS = select(
    _integrations.webhook_secret_hash,
    _integrations.previous_webhook_secret_hash,
    _integrations.previous_webhook_secret_until,
    _integrations.signing_token_ciphertext,
    HOOK_PROJECT.label("hook_project_id"),
).where(_integrations.org_id == bindparam("org_id"))
# The same rule as in ``verify``. The database does not compare in constant time. That reveals
# nothing, because the digests are keyed.
PROVEN_BY_SECRET = and_(
    _integrations.org_id == bindparam("org_id"),
    _integrations.signing_token_ciphertext.is_(None),
    or_(
        _integrations.webhook_secret_hash == bindparam("given"),
        and_(
            _integrations.previous_webhook_secret_hash == bindparam("given"),
            _integrations.previous_webhook_secret_until > bindparam("received_at"),
        ),
        HOOK_PROJECT.is_not(None),
    ),
)


class Refusal(StrEnum):
    """The header of a refused request that is missing or wrong."""

    TOKEN_MISSING = "token_missing"
    TOKEN_WRONG = "token_wrong"
    SIGNATURE_MISSING = "signature_missing"
    SIGNATURE_WRONG = "signature_wrong"


# Keys: whether the org requires signatures, and whether the request has the header.
_REFUSALS = {
    (False, False): Refusal.TOKEN_MISSING,
    (False, True): Refusal.TOKEN_WRONG,
    (True, False): Refusal.SIGNATURE_MISSING,
    (True, True): Refusal.SIGNATURE_WRONG,
}


class Unproven(Forbidden):
    """The request does not prove that it comes from the org's GitLab.

    The answer is the same for every ``reason``. ``is_known``: the org exists.
    """

    def __init__(self, *, is_known: bool, reason: Refusal) -> None:
        super().__init__("This request does not prove that it comes from the org's GitLab.")
        self.is_known = is_known
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Proven:
    """The proof of a request; see ``deliveries.models.Proof``."""

    hook_project_id: uuid.UUID | None
    signed: bool


def verify(
    connection: Connection,
    org_id: uuid.UUID,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
) -> Proven:
    """The proof that the org's GitLab sent the request. Raises :class:`Unproven` without one.

    With a signing token only a valid signature counts. Without one the secret token counts:
    the org's current one, the former one during a rotation, or that of a single hook. A
    single hook's secret also names the project of a signed request. Header names must be in
    lower case.
    """
    secret = headers.get("x-gitlab-token", "")
    given = hash_webhook_secret(org_id, secret)
    parameters = {"org_id": org_id, "given": given, "received_at": now}
    integration = connection.execute(_SECRETS, parameters).one_or_none()
    ciphertext = None if integration is None else integration.signing_token_ciphertext
    authentic = webhook_secret_matches(org_id, integration, secret, now)
    hook_project_id: uuid.UUID | None = None
    if secret and integration is not None:
        hook_project_id = integration.hook_project_id
    authentic = authentic or hook_project_id is not None
    signed = _signed(org_id, ciphertext, headers, body, now)
    if ciphertext is not None:
        authentic = signed
    if not authentic:
        given_header = is_signed(headers) if ciphertext is not None else bool(secret)
        raise Unproven(
            is_known=integration is not None,
            reason=_REFUSALS[ciphertext is not None, given_header],
        )
    return Proven(hook_project_id, signed=ciphertext is not None)


def _signed(
    org_id: uuid.UUID,
    ciphertext: str | None,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
) -> bool:
    """Whether the org's signing token made the signature, if the request has one.

    It does the same work without a signing token, so its time does not reveal which org has
    one.
    """
    if not is_signed(headers):
        return False
    try:
        token = cipher().decrypt(
            ciphertext or _decoy(cipher()), org_id=org_id, origin="", purpose=SIGNING_TOKEN
        )
    except DomainError:
        signature_valid(headers, body, DECOY_TOKEN, now)
        return False
    return signature_valid(headers, body, token, now)


@lru_cache(maxsize=4)
def _decoy(made_by: SecretCipher) -> str:
    """A ciphertext that decrypts for no org."""
    return made_by.encrypt(DECOY_TOKEN, org_id=uuid.UUID(int=0), origin="", purpose="decoy")
