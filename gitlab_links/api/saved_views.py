"""/api/orgs/<org_id>/task-views and /api/orgs/<org_id>/shared-task-views"""

import uuid
from functools import partial
from typing import Any

from gitlab_links.accounts.roles import Permission
from gitlab_links.api.answers import location
from gitlab_links.api.blueprints import refuses, tasks
from gitlab_links.api.paging import listed
from gitlab_links.api.schemas.common import Page
from gitlab_links.api.schemas.saved_views import (
    NewSavedView,
    SavedViewChange,
    SavedViewEnvelope,
    SavedViewsEnvelope,
)
from gitlab_links.finding.list_query import FILTERS, ListQuery
from gitlab_links.http.access import access
from gitlab_links.http.conditional import locks, tagged
from gitlab_links.http.guard import current_principal
from gitlab_links.saved_views.changes import (
    TooManyViews,
    ViewExists,
    change_view,
    delete_view,
    lock_view,
    save_view,
)
from gitlab_links.saved_views.queries import (
    ViewOfTasks,
    find_shared_view,
    find_view,
    views_page,
)

OWN = "/api/orgs/<uuid:org_id>/task-views"
SHARED = "/api/orgs/<uuid:org_id>/shared-task-views"


def _lock_own(view_id: uuid.UUID) -> None:
    lock_view(current_principal(), view_id, shared=False)


def _lock_shared(view_id: uuid.UUID) -> None:
    lock_view(current_principal(), view_id, shared=True)


@tasks.get(OWN)
@access(Permission.TASK_READ)
@tasks.query(Page)
@tasks.returns(200, SavedViewsEnvelope)
def saved_views_get(query: dict[str, Any], org_id: uuid.UUID) -> dict[str, Any]:
    """List the caller's saved views of the tasks, and those that the org shares

    Views that filter by links are left out for callers who may not see links.
    """
    page = listed("views", query, partial(views_page, current_principal()))
    return {**page, "views": [_shown(view) for view in page["views"]]}


@tasks.post(OWN)
@access(Permission.VIEWS_WRITE)
@tasks.body(NewSavedView)
@tasks.returns(201, SavedViewEnvelope)
@tagged
@refuses(ViewExists, TooManyViews)
def saved_views_post(new: dict[str, Any], org_id: uuid.UUID) -> Any:
    """Save a view for oneself"""
    return _saved(new, org_id, shared=False)


@tasks.get(f"{OWN}/<uuid:view_id>")
@access(Permission.TASK_READ)
@tasks.returns(200, SavedViewEnvelope)
def saved_view_get(org_id: uuid.UUID, view_id: uuid.UUID) -> dict[str, Any]:
    """Show a saved view, one's own or a shared one"""
    return {"view": _shown(find_view(current_principal(), view_id))}


@tasks.patch(f"{OWN}/<uuid:view_id>")
@access(Permission.VIEWS_WRITE)
@tasks.body(SavedViewChange)
@tasks.returns(200, SavedViewEnvelope)
@locks(_lock_own)
@refuses(ViewExists)
def saved_view_patch(
    change: dict[str, Any], org_id: uuid.UUID, view_id: uuid.UUID
) -> dict[str, Any]:
    """Change one of one's own saved views"""
    return _changed(change, view_id, shared=False)


@tasks.delete(f"{OWN}/<uuid:view_id>")
@access(Permission.VIEWS_WRITE)
@tasks.returns(204)
@locks(_lock_own)
def saved_view_delete(org_id: uuid.UUID, view_id: uuid.UUID) -> None:
    """Delete one of one's own saved views"""
    delete_view(current_principal(), view_id, shared=False)


@tasks.post(SHARED)
@access(Permission.VIEWS_SHARE)
@tasks.body(NewSavedView)
@tasks.returns(201, SavedViewEnvelope)
@tagged
@refuses(ViewExists, TooManyViews)
def shared_views_post(new: dict[str, Any], org_id: uuid.UUID) -> Any:
    """Save a view for everybody in the org"""
    return _saved(new, org_id, shared=True)


@tasks.get(f"{SHARED}/<uuid:view_id>")
@access(Permission.TASK_READ)
@tasks.returns(200, SavedViewEnvelope)
def shared_view_get(org_id: uuid.UUID, view_id: uuid.UUID) -> dict[str, Any]:
    """Show a shared view"""
    return {"view": _shown(find_shared_view(current_principal(), view_id))}


@tasks.patch(f"{SHARED}/<uuid:view_id>")
@access(Permission.VIEWS_SHARE)
@tasks.body(SavedViewChange)
@tasks.returns(200, SavedViewEnvelope)
@locks(_lock_shared)
@refuses(ViewExists)
def shared_view_patch(
    change: dict[str, Any], org_id: uuid.UUID, view_id: uuid.UUID
) -> dict[str, Any]:
    """Change a shared view"""
    return _changed(change, view_id, shared=True)


@tasks.delete(f"{SHARED}/<uuid:view_id>")
@access(Permission.VIEWS_SHARE)
@tasks.returns(204)
@locks(_lock_shared)
def shared_view_delete(org_id: uuid.UUID, view_id: uuid.UUID) -> None:
    """Delete a shared view"""
    delete_view(current_principal(), view_id, shared=True)


def _saved(new: dict[str, Any], org_id: uuid.UUID, *, shared: bool) -> Any:
    view = save_view(current_principal(), new["name"], _query(new["filter"]), shared=shared)
    endpoint = "tasks.shared_view_get" if shared else "tasks.saved_view_get"
    where = location(endpoint, org_id=org_id, view_id=view.id)
    return {"view": _shown(view)}, 201, where


def _changed(change: dict[str, Any], view_id: uuid.UUID, *, shared: bool) -> dict[str, Any]:
    query = _query(change["filter"]) if "filter" in change else None
    name = change.get("name")
    view = change_view(current_principal(), view_id, shared=shared, name=name, query=query)
    return {"view": _shown(view)}


def _query(given: dict[str, Any]) -> ListQuery:
    """As the list reads it from its address."""
    texts = {name: str(value) for name, value in given.items() if value is not None}
    return ListQuery.read(texts, sees_links=True)


def _shown(view: ViewOfTasks) -> dict[str, Any]:
    chosen = {name: getattr(view.filter, name) or None for name in FILTERS}
    names = ("id", "name", "shared", "created_at", "updated_at")
    return {
        **{name: getattr(view, name) for name in names},
        "filter": {**chosen, "sort": view.filter.sort},
    }
