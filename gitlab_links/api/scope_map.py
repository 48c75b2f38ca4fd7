"""Who may call each operation, as data: docs/api/scope-map.yaml."""

from typing import Any

from flask import Flask

from gitlab_links.api.contract import operations
from gitlab_links.http.access import Declaration, Kind


def scope_map(app: Flask) -> dict[str, Any]:
    """One entry for each operation id, from the declarations of the views."""
    return {
        "operations": {
            one.id: {"method": one.method, "path": one.path, **_who(one.declaration)}
            for one in sorted(operations(app), key=lambda one: one.id)
        }
    }


def _who(declaration: Declaration) -> dict[str, Any]:
    permission = declaration.permission
    if permission is not None:
        return {
            "access": Kind.ORG.value,
            "permission": permission.label,
            "session_roles": sorted(role.value for role in permission.roles),
            "api_key_scopes": [permission.scope.value],
        }
    if declaration.kind is Kind.SIGNED_IN:
        return {"access": Kind.SIGNED_IN.value, "session_roles": "any", "api_key_scopes": "any"}
    entry: dict[str, Any] = {"access": declaration.kind.value}
    return {**entry, "why": declaration.why} if declaration.why else entry
