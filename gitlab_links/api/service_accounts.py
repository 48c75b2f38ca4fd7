"""/api/orgs/<org_id>/service-accounts"""

import uuid
from typing import Any

from gitlab_links.accounts.grants import AdminByKey
from gitlab_links.accounts.roles import Permission
from gitlab_links.accounts.service_accounts import (
    change_service_account,
    create_service_account,
    create_service_key,
    delete_service_account,
    find_service_account,
    lock_service_account,
    service_accounts_page,
)
from gitlab_links.api.answers import location
from gitlab_links.api.blueprints import accounts, refuses
from gitlab_links.api.paging import listed
from gitlab_links.api.schemas.accounts import ApiKeySecretEnvelope, NewApiKey
from gitlab_links.api.schemas.common import Page
from gitlab_links.api.schemas.service_accounts import (
    NewServiceAccount,
    ServiceAccountChange,
    ServiceAccountEnvelope,
    ServiceAccountsEnvelope,
)
from gitlab_links.http.access import access
from gitlab_links.http.conditional import locks
from gitlab_links.http.guard import current_principal

BASE = "/api/orgs/<uuid:org_id>/service-accounts"


@accounts.get(BASE)
@access(Permission.SERVICE_ACCOUNTS)
@accounts.query(Page)
@accounts.returns(200, ServiceAccountsEnvelope)
def service_accounts_get(query: dict[str, Any], org_id: uuid.UUID) -> dict[str, Any]:
    """List the service accounts of an org"""
    return listed("service_accounts", query, lambda **page: service_accounts_page(org_id, **page))


@accounts.post(BASE)
@access(Permission.SERVICE_ACCOUNTS)
@accounts.body(NewServiceAccount)
@accounts.returns(201, ServiceAccountEnvelope)
@refuses(AdminByKey)
def service_accounts_post(new: dict[str, Any], org_id: uuid.UUID) -> Any:
    """Create a service account

    It cannot log in and has no key yet. A key of the caller needs the scopes of every permission
    of the role, and cannot create an admin.
    """
    made = create_service_account(current_principal(), new["name"], new["role"])
    where = location("accounts.service_account_get", org_id=org_id, account_id=made.id)
    return {"service_account": made}, 201, where


@accounts.get(f"{BASE}/<uuid:account_id>")
@access(Permission.SERVICE_ACCOUNTS)
@accounts.returns(200, ServiceAccountEnvelope)
def service_account_get(org_id: uuid.UUID, account_id: uuid.UUID) -> dict[str, Any]:
    """Show a service account"""
    return {"service_account": find_service_account(org_id, account_id)}


@accounts.patch(f"{BASE}/<uuid:account_id>")
@access(Permission.SERVICE_ACCOUNTS)
@locks(lock_service_account)
@accounts.body(ServiceAccountChange)
@accounts.returns(200, ServiceAccountEnvelope)
@refuses(AdminByKey)
def service_account_patch(
    change: dict[str, Any], org_id: uuid.UUID, account_id: uuid.UUID
) -> dict[str, Any]:
    """Give a service account another name or role"""
    return {"service_account": change_service_account(current_principal(), account_id, **change)}


@accounts.delete(f"{BASE}/<uuid:account_id>")
@access(Permission.SERVICE_ACCOUNTS)
@locks(lock_service_account)
@accounts.returns(204)
def service_account_delete(org_id: uuid.UUID, account_id: uuid.UUID) -> None:
    """Delete a service account

    Its keys are revoked. The audit log keeps its name.
    """
    delete_service_account(current_principal(), account_id)


@accounts.post(f"{BASE}/<uuid:account_id>/api-keys")
@access(Permission.SERVICE_ACCOUNTS)
@accounts.body(NewApiKey)
@accounts.returns(201, ApiKeySecretEnvelope)
def service_account_keys_post(new: dict[str, Any], org_id: uuid.UUID, account_id: uuid.UUID) -> Any:
    """Create an API key of a service account

    It does not end when the person who creates it leaves. One created with another key has no
    scope that the other one lacks, and ends with it. The secret is only in this answer. The
    routes of API keys list, rotate and revoke it.
    """
    made = create_service_key(current_principal(), account_id, **new)
    where = location("accounts.api_key_get", org_id=org_id, key_id=made.key.id)
    return {"api_key": made.key, "secret": made.secret}, 201, where
