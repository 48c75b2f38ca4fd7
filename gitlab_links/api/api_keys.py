"""/api/orgs/<org_id>/api-keys"""

import uuid
from typing import Any

from gitlab_links.accounts.api_keys import (
    create_key,
    find_key,
    keys_page,
    lock_key,
    revoke_key,
    rotate_key,
)
from gitlab_links.accounts.roles import Permission
from gitlab_links.api.answers import location
from gitlab_links.api.blueprints import accounts
from gitlab_links.api.paging import listed
from gitlab_links.api.schemas.accounts import (
    ApiKeyEnvelope,
    ApiKeySecretEnvelope,
    ApiKeysEnvelope,
    ApiKeysQuery,
    NewApiKey,
)
from gitlab_links.http.access import access
from gitlab_links.http.conditional import locks
from gitlab_links.http.guard import current_principal


@accounts.get("/api/orgs/<uuid:org_id>/api-keys")
@access(Permission.API_KEYS)
@accounts.query(ApiKeysQuery)
@accounts.returns(200, ApiKeysEnvelope)
def api_keys_get(query: dict[str, Any], org_id: uuid.UUID) -> dict[str, Any]:
    """List the API keys of an org

    Of all its members, without the secrets.
    """
    revoked = query["revoked"]
    return listed("api_keys", query, lambda **page: keys_page(org_id, revoked=revoked, **page))


@accounts.post("/api/orgs/<uuid:org_id>/api-keys")
@access(Permission.API_KEYS)
@accounts.body(NewApiKey)
@accounts.returns(201, ApiKeySecretEnvelope)
def api_keys_post(new: dict[str, Any], org_id: uuid.UUID) -> Any:
    """Create an API key of one's own

    The secret is only in this answer. A key created with another key has no scope that the
    other one lacks.
    """
    made = create_key(current_principal(), **new)
    where = location("accounts.api_key_get", org_id=org_id, key_id=made.key.id)
    return {"api_key": made.key, "secret": made.secret}, 201, where


@accounts.get("/api/orgs/<uuid:org_id>/api-keys/<uuid:key_id>")
@access(Permission.API_KEYS)
@accounts.returns(200, ApiKeyEnvelope)
def api_key_get(org_id: uuid.UUID, key_id: uuid.UUID) -> dict[str, Any]:
    """Show an API key that is not revoked"""
    return {"api_key": find_key(org_id, key_id)}


@accounts.delete("/api/orgs/<uuid:org_id>/api-keys/<uuid:key_id>")
@access(Permission.API_KEYS)
@accounts.returns(204)
@locks(lock_key)
def api_key_delete(org_id: uuid.UUID, key_id: uuid.UUID) -> None:
    """Revoke an API key

    It is refused from the next request on. This cannot be undone.
    """
    revoke_key(current_principal(), key_id)


@accounts.post("/api/orgs/<uuid:org_id>/api-keys/<uuid:key_id>/rotate")
@access(Permission.API_KEYS)
@accounts.returns(200, ApiKeySecretEnvelope)
def api_key_rotate_post(org_id: uuid.UUID, key_id: uuid.UUID) -> dict[str, Any]:
    """Replace the secret of one's own API key

    The previous secret is refused from the next request on.
    """
    renewed = rotate_key(current_principal(), key_id)
    return {"api_key": renewed.key, "secret": renewed.secret}
