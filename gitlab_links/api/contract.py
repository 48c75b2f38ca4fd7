"""The contract: the OpenAPI document, served as openapi.json and written to docs/api/openapi.yaml.

flask-smorest gathers parameters and schemas. Access, errors and examples are added here, from
what the views declare.
"""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from gitlab_links.api import blueprints
from gitlab_links.api.contract_components import COMPONENTS, INFO
from gitlab_links.api.contract_examples import add_examples
from gitlab_links.api.contract_responses import responses_of
from gitlab_links.api.contract_views import gather
from gitlab_links.api.contract_webhooks import webhooks
from gitlab_links.http.access import Declaration, Kind, declaration_of
from gitlab_links.http.conditional import takes_if_match
from gitlab_links.http.json_bodies import PLACES

Json = dict[str, Any]

_EXTENSION = "contract"
_PLACEHOLDER = re.compile(r"<(?:[^<>:]+:)?([^<>]+)>")
_SESSION_READ: Json = {"session": []}
_SESSION_WRITE: Json = {"session": [], "csrf": []}


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one route of the API."""

    id: str
    method: str
    path: str
    endpoint: str
    declaration: Declaration

    @property
    def writes(self) -> bool:
        """Whether a session needs the CSRF token."""
        return self.method != "GET"


def operations(app: Flask) -> Iterator[Operation]:
    """Every operation of the API, as the application routes it."""
    names = {blueprint.name for blueprint in blueprints.ALL}
    for rule in app.url_map.iter_rules():
        if rule.endpoint.partition(".")[0] not in names:
            continue
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            declaration = declaration_of(app, rule.endpoint, method)
            if declaration is None:
                raise LookupError(f"{rule.endpoint} does not say who may call it")
            name = rule.endpoint.replace(".", "__")
            yield Operation(name, method, path_of(rule), rule.endpoint, declaration)


def path_of(rule: Rule) -> str:
    """A route as OpenAPI writes it: ``/api/orgs/{org_id}``."""
    return _PLACEHOLDER.sub(r"{\1}", rule.rule)


def contract(app: Flask) -> Json:
    """The whole OpenAPI document; made once."""
    found: Json | None = app.extensions.get(_EXTENSION)
    if found is None:
        found = app.extensions[_EXTENSION] = _build(app)
    return found


def _build(app: Flask) -> Json:
    gathered = deepcopy(gather(app))
    schemas = gathered["components"]["schemas"]
    document: Json = {
        "openapi": gathered["openapi"],
        **INFO,
        "servers": [{**INFO["servers"][0], "url": app.extensions["settings"].public_path or "/"}],
        "tags": gathered["tags"],
        "paths": {},
        "components": {**deepcopy(COMPONENTS), "schemas": dict(sorted(schemas.items()))},
    }
    for operation in sorted(operations(app), key=lambda one: (one.path, one.method)):
        from_views = gathered["paths"][operation.path]
        item = document["paths"].setdefault(
            operation.path, _without_empty({"parameters": from_views.get("parameters", [])})
        )
        item[operation.method.lower()] = _completed(
            app, operation, from_views[operation.method.lower()]
        )
    document["webhooks"] = webhooks(app)
    add_examples(document)
    _drop_unused_schemas(document)
    return document


def _drop_unused_schemas(document: Json) -> None:
    """Remove the schemas of flask-smorest features that are not used here."""
    text = json.dumps(document)
    schemas = document["components"]["schemas"]
    for name in [one for one in schemas if f'"#/components/schemas/{one}"' not in text]:
        del schemas[name]


def _completed(app: Flask, operation: Operation, gathered: Json) -> Json:
    view = app.view_functions[operation.endpoint]
    parameters = [_plain(one) for one in gathered.get("parameters", [])]
    if operation.method == "GET":
        parameters.append({"$ref": "#/components/parameters/IfNoneMatch"})
    if operation.method == "POST" and operation.declaration.kind is Kind.ORG:
        parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
    if takes_if_match(operation.method, view):
        parameters.append({"$ref": "#/components/parameters/IfMatch"})
    return {
        "operationId": operation.id,
        "summary": gathered["summary"],
        "description": "\n\n".join(
            part for part in (gathered.get("description"), _who_may(operation.declaration)) if part
        ),
        "tags": gathered["tags"],
        "security": _security(operation),
        **_without_empty({"parameters": parameters}),
        **_without_empty({"requestBody": gathered.get("requestBody")}),
        "responses": responses_of(operation.method, operation.declaration, view, gathered),
    }


def _without_empty(members: Json) -> Json:
    return {name: value for name, value in members.items() if value}


def _plain(parameter: Json) -> Json:
    """A query parameter's schema without null: a parameter that is left out has no value, and a
    blank filter counts as left out.
    """
    schema = dict(parameter["schema"])
    if schema.get("default", 0) in (None, []):
        del schema["default"]
    if isinstance(schema.get("type"), list):
        schema["type"] = next(kind for kind in schema["type"] if kind != "null")
    if "enum" in schema:
        schema["enum"] = [value for value in schema["enum"] if value is not None]
    found = {**parameter, "schema": schema}
    may_be_blank = parameter["in"] == "query" and parameter["name"] not in PLACES
    return {**found, "allowEmptyValue": True} if may_be_blank else found


def _security(operation: Operation) -> list[Json]:
    declaration = operation.declaration
    if declaration.kind is Kind.PUBLIC:
        return []
    if declaration.kind is Kind.WEBHOOK:
        return [{"gitlabToken": []}, {"gitlabSignature": []}]
    scopes = [] if declaration.permission is None else [declaration.permission.scope.value]
    return [{"apiKey": scopes}, _SESSION_WRITE if operation.writes else _SESSION_READ]


def _who_may(declaration: Declaration) -> str:
    permission = declaration.permission
    if permission is not None:
        roles = ", ".join(sorted(permission.roles))
        return f"For the roles {roles}; an API key needs the scope `{permission.scope}`."
    if declaration.kind is Kind.SIGNED_IN:
        return "For everybody who is logged in, and for every API key."
    return ""
