"""The server-rendered pages."""

from flask import Flask

from gitlab_links.http.error_rendering import use_page_renderer
from gitlab_links.pages import (
    account,
    assets,
    audit_log,
    backfills,
    connection_health,
    csv_gitlab,
    csv_lists,
    csv_overview,
    csv_records,
    deliveries,
    endpoints,
    erasure,
    filter_suggestions,
    integration,
    issue_tracker,
    issuer_sign_in,
    joining,
    keys,
    link_suggestions,
    login,
    members,
    new_org,
    org_deletion,
    org_export,
    org_links,
    org_settings,
    overview,
    password_links,
    problem_pages,
    profile,
    project_picks,
    queues,
    saved_views,
    service_accounts,
    status_rules,
    task_forms,
    task_links,
    task_rules,
    task_selection,
    tasks,
    template_filters,
    timeline,
    waiting,
)
from gitlab_links.pages.blueprint import pages

# Importing a module registers its views on the blueprint.
VIEWS = (
    login,
    account,
    profile,
    tasks,
    overview,
    csv_gitlab,
    csv_lists,
    csv_overview,
    csv_records,
    task_forms,
    task_links,
    task_selection,
    saved_views,
    waiting,
    task_rules,
    timeline,
    status_rules,
    integration,
    issue_tracker,
    issuer_sign_in,
    connection_health,
    backfills,
    project_picks,
    deliveries,
    endpoints,
    members,
    joining,
    password_links,
    keys,
    filter_suggestions,
    link_suggestions,
    service_accounts,
    audit_log,
    org_settings,
    org_export,
    org_links,
    org_deletion,
    erasure,
    new_org,
    queues,
)


def register(app: Flask) -> None:
    """Add the pages, their assets and the error page."""
    assets.register(app)
    template_filters.register(app)
    app.register_blueprint(pages)
    use_page_renderer(app, problem_pages.render)
