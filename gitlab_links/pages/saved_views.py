"""Saving, renaming and deleting views, from the list of tasks."""

import uuid

from flask import flash, redirect, request
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Permission
from gitlab_links.errors import Conflict, Invalid
from gitlab_links.finding.list_query import ListQuery
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.form_fields import pressed, sent
from gitlab_links.pages.tasks import list_page
from gitlab_links.pages.view_links import list_url
from gitlab_links.saved_views.changes import (
    ViewExists,
    change_view,
    delete_view,
    lock_view,
    save_view,
)
from gitlab_links.saved_views.queries import ViewOfTasks, find_view, views_by_name


@pages.post("/orgs/<uuid:org_id>/tasks/views")
@access(Permission.VIEWS_WRITE)
def save_task_view(org_id: uuid.UUID) -> ResponseReturnValue:
    """Save the list of this address under a name, or replace the view of that name."""
    principal, (name,) = current_principal(), sent("name")
    shared = pressed("shared")
    try:
        view = _saved(principal, name, _wanted(principal), shared=shared)
    except (Invalid, Conflict) as refusal:
        return _refused(principal, refusal, name, shared=shared)
    flash(f"Saved the view {view.name}.", "success")
    return redirect(list_url(org_id, view.filter))


@pages.post("/orgs/<uuid:org_id>/tasks/views/<uuid:view_id>")
@access(Permission.VIEWS_WRITE)
def change_own_view(org_id: uuid.UUID, view_id: uuid.UUID) -> ResponseReturnValue:
    """Rename or delete one of one's own views."""
    return _change(org_id, view_id, shared=False)


@pages.post("/orgs/<uuid:org_id>/tasks/shared-views/<uuid:view_id>")
@access(Permission.VIEWS_SHARE)
def change_shared_view(org_id: uuid.UUID, view_id: uuid.UUID) -> ResponseReturnValue:
    """Rename or delete a view of the org."""
    return _change(org_id, view_id, shared=True)


def _wanted(principal: Principal) -> ListQuery:
    return ListQuery.read(request.args, sees_links=principal.may(Permission.LINK_READ))


def _saved(principal: Principal, name: str, query: ListQuery, *, shared: bool) -> ViewOfTasks:
    if pressed("replace"):
        same = [
            view
            for view in views_by_name(principal)
            if view.shared == shared and view.name.casefold() == name.casefold()
        ]
        if same:
            return change_view(principal, same[0].id, shared=shared, query=query)
    return save_view(principal, name, query, shared=shared)


def _change(org_id: uuid.UUID, view_id: uuid.UUID, *, shared: bool) -> ResponseReturnValue:
    principal = current_principal()
    if pressed("delete"):
        name = delete_view(principal, view_id, shared=shared)
        flash(f"Deleted the view {name}. The tasks stay.", "success")
        return redirect(list_url(org_id, ListQuery()))
    lock_view(principal, view_id, shared=shared)
    (name,) = sent("name")
    try:
        view = change_view(principal, view_id, shared=shared, name=name)
    except (Invalid, Conflict) as refusal:
        shown = find_view(principal, view_id).filter
        return _refused(principal, refusal, name, shared=shared, query=shown)
    flash(f"The view is called {view.name} now.", "success")
    return redirect(list_url(org_id, view.filter))


def _refused(
    principal: Principal,
    refusal: Invalid | Conflict,
    name: str,
    *,
    shared: bool,
    query: ListQuery | None = None,
) -> ResponseReturnValue:
    """The list with the form open. Saving may replace the view that has the name."""
    form = {
        "name": name,
        "shared": shared,
        "errors": refusal.errors.get("name", [refusal.detail]),
        "may_replace": isinstance(refusal, ViewExists) and query is None,
    }
    return list_page(principal, query, view_form=form), refusal.status
