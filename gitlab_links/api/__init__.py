"""The REST API under /api/."""

from flask import Flask, current_app, request

from gitlab_links.api import (
    api_keys,
    audit_events,
    backfills,
    blueprints,
    contract_pages,
    deliveries,
    endpoints,
    events,
    health,
    integrations,
    invitations,
    issue_tracker,
    link_batches,
    links,
    me,
    members,
    operations,
    orgs,
    overview,
    people,
    picks,
    saved_views,
    service_accounts,
    status_rules,
    tasks,
    timeline,
    waiting,
    webhook,
)
from gitlab_links.api.blueprints import TAKES_BODY, TAKES_QUERY
from gitlab_links.http import idempotency
from gitlab_links.http.access import Declaration, Kind, declaration_of, declare_endpoint
from gitlab_links.http.conditional import require_match
from gitlab_links.http.json_bodies import refuse_body, refuse_query
from gitlab_links.http.transactions import SAFE_METHODS

# Importing a module registers its views on the blueprints.
VIEWS = (
    me,
    orgs,
    people,
    members,
    invitations,
    api_keys,
    service_accounts,
    tasks,
    overview,
    saved_views,
    links,
    link_batches,
    waiting,
    integrations,
    health,
    backfills,
    picks,
    issue_tracker,
    operations,
    webhook,
    deliveries,
    status_rules,
    timeline,
    events,
    endpoints,
    audit_events,
)


def register(app: Flask) -> None:
    """Add the API to the application."""
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.config.update(API_TITLE="gitlab_links", API_VERSION="1", OPENAPI_VERSION="3.1.0")
    for blueprint in blueprints.ALL:
        app.register_blueprint(blueprint)
    app.register_blueprint(contract_pages.blueprint)
    declare_endpoint(app, "contract.static", Declaration(Kind.PUBLIC, why="style sheet"))


def _refuse_unknown_query() -> None:
    """Refuse unknown query parameters, also on routes that have none.

    GitLab's webhook accepts any: people type its URL into GitLab.
    """
    if not _takes(TAKES_QUERY):
        refuse_query(request)


def _refuse_unknown_body() -> None:
    """Refuse unknown fields, also on routes that have no body. That of a GET means nothing."""
    if request.method not in SAFE_METHODS and not _takes(TAKES_BODY):
        refuse_body(request)


def _takes(what: str) -> bool:
    endpoint = request.endpoint or ""
    declaration = declaration_of(current_app, endpoint, request.method)
    if declaration is not None and declaration.kind is Kind.WEBHOOK:
        return True
    return hasattr(current_app.view_functions[endpoint], what)


for _blueprint in blueprints.ALL:
    _blueprint.before_request(_refuse_unknown_query)
    _blueprint.before_request(require_match)
    _blueprint.before_request(idempotency.begin_call)
    _blueprint.before_request(_refuse_unknown_body)
    _blueprint.after_request(idempotency.finish)
