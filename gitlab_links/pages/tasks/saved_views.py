"""Saving, renaming and deleting views, from the list of tasks."""

import uuid

from flask import flash, redirect, request
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Permission
from gitlab_links.errors import Conflict, Invalid, PreconditionFailed
from gitlab_links.finding.list_query import ListQuery
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.edits_at_once import Values, merge, seen
from gitlab_links.pages.form_fields import pressed, sent
from gitlab_links.pages.tasks.browsing import list_page
from gitlab_links.pages.tasks.view_links import list_url
from gitlab_links.saved_views.changes import (
    ViewExists,
    change_view,
    delete_view,
    lock_view,
    save_view,
)
from gitlab_links.saved_views.queries import ViewOfTasks, find_view, view_of, views_by_name


@pages.post("/orgs/<uuid:org_id>/tasks/views")
@access(Permission.VIEWS_WRITE)
def save_task_view(org_id: uuid.UUID) -> ResponseReturnValue:
    """Save the list of this address under a name, or replace the view of that name."""
    principal, (name,) = current_principal(), sent("name")
    shared = pressed("shared")
    try:
        view = _saved(principal, name, _wanted(principal), shared=shared)
    except (Invalid, Conflict, PreconditionFailed) as refusal:
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
    same = _same(principal, name, shared=shared) if pressed("replace") else None
    if same is None:
        return save_view(principal, name, query, shared=shared)
    (version,) = sent("version")
    view = view_of(lock_view(principal, same.id, shared=shared))
    if merge(version, {"list": query.canonical}, _list_of(view)).disputed:
        raise PreconditionFailed(
            f"Somebody else changed the view {view.name} meanwhile. "
            "Tick the box to replace it anyway."
        )
    return change_view(principal, view.id, shared=shared, query=query)


def _same(principal: Principal, name: str, *, shared: bool) -> ViewOfTasks | None:
    """The view of this name among the caller's own, or among the shared ones."""
    views = [view for view in views_by_name(principal) if view.shared == shared]
    return next((one for one in views if one.name.casefold() == name.casefold()), None)


def _list_of(view: ViewOfTasks) -> Values:
    return {"list": view.filter.canonical}


def _change(org_id: uuid.UUID, view_id: uuid.UUID, *, shared: bool) -> ResponseReturnValue:
    principal = current_principal()
    if pressed("delete"):
        name = delete_view(principal, view_id, shared=shared)
        flash(f"Deleted the view {name}. The tasks stay.", "success")
        return redirect(list_url(org_id, ListQuery()))
    stored = lock_view(principal, view_id, shared=shared).name
    (name, version) = sent("name", "version")
    both = merge(version, {"name": name}, {"name": stored})
    try:
        if both.disputed:
            raise PreconditionFailed(
                f"Somebody else called it {stored} meanwhile. Rename replaces that name."
            )
        view = change_view(principal, view_id, shared=shared, name=both.values["name"])
    except (Invalid, Conflict, PreconditionFailed) as refusal:
        shown = find_view(principal, view_id).filter
        return _refused(principal, refusal, name, shared=shared, query=shown)
    flash(f"The view is called {view.name} now.", "success")
    return redirect(list_url(org_id, view.filter))


def _refused(
    principal: Principal,
    refusal: Invalid | Conflict | PreconditionFailed,
    name: str,
    *,
    shared: bool,
    query: ListQuery | None = None,
) -> ResponseReturnValue:
    """The list with the form open. Saving may replace the view that has the name."""
    replaced = None
    if query is None and isinstance(refusal, ViewExists | PreconditionFailed):
        replaced = _same(principal, name, shared=shared)
    errors = refusal.errors.get("name", [refusal.detail])
    if replaced and isinstance(refusal, ViewExists):
        errors = [*errors, "Or tick the box to replace that view."]
    form = {
        "name": name,
        "shared": shared,
        "errors": errors,
        "replaces": seen(_list_of(replaced)) if replaced else None,
    }
    return list_page(principal, query, view_form=form), refusal.status
