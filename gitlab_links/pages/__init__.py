"""The server-rendered pages."""

from flask import Flask

from gitlab_links.http.error_rendering import use_page_renderer
from gitlab_links.pages import assets, menu, problem_pages, template_filters
from gitlab_links.pages.accounts import (
    account,
    erasure,
    issuer_sign_in,
    joining,
    login,
    password_links,
    profile,
)
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.connection import (
    backfills,
    connection_health,
    deliveries,
    integration,
    issue_tracker,
    project_picks,
)
from gitlab_links.pages.csv import gitlab as csv_gitlab
from gitlab_links.pages.csv import lists as csv_lists
from gitlab_links.pages.csv import overview as csv_overview
from gitlab_links.pages.csv import records as csv_records
from gitlab_links.pages.links import link_suggestions, org_links, task_links
from gitlab_links.pages.operators import new_org, queues
from gitlab_links.pages.orgs import (
    audit_log,
    endpoints,
    keys,
    members,
    org_deletion,
    org_export,
    org_settings,
    service_accounts,
)
from gitlab_links.pages.overview import page as overview
from gitlab_links.pages.rules import status_rules, task_rules
from gitlab_links.pages.tasks import (
    browsing,
    deleted_tasks,
    filter_suggestions,
    saved_views,
    task_forms,
    task_selection,
    timeline,
    waiting,
)

# Importing a module registers its views on the blueprint.
VIEWS = (
    login,
    account,
    profile,
    browsing,
    overview,
    csv_gitlab,
    csv_lists,
    csv_overview,
    csv_records,
    task_forms,
    deleted_tasks,
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
    menu,
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
