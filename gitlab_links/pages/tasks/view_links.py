"""The saved views as a row of links above the list of tasks."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for

from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Permission
from gitlab_links.finding.list_query import ListQuery
from gitlab_links.pages.edits_at_once import seen
from gitlab_links.saved_views.models import MAX_NAME
from gitlab_links.saved_views.queries import views_by_name

IN_THE_ROW = 6


@dataclass(frozen=True, slots=True)
class ViewLink:
    """A saved view; ``edit_url`` is None for those who may not change it. ``version`` is that of
    its name.
    """

    name: str
    shared: bool
    current: bool
    url: str
    edit_url: str | None
    version: str


@dataclass(frozen=True, slots=True)
class Views:
    """The views in the row, those in the menu behind it, and where a new one is saved."""

    row: Sequence[ViewLink]
    more: Sequence[ViewLink]
    save_url: str
    may_share: bool
    longest: int = MAX_NAME

    @property
    def current(self) -> ViewLink | None:
        """The view that is shown; one's own before a shared one with the same list."""
        found = [view for view in (*self.row, *self.more) if view.current]
        return min(found, key=lambda view: view.shared, default=None)


def views_beside(principal: Principal, wanted: ListQuery) -> Views:
    """The viewer's views beside this list, in one statement."""
    found = [
        ViewLink(
            name=view.name,
            shared=view.shared,
            current=view.filter.canonical == wanted.canonical,
            url=list_url(principal.org_id, view.filter),
            edit_url=_edit_url(principal, view.id, shared=view.shared),
            version=seen({"name": view.name}),
        )
        for view in views_by_name(principal)
    ]
    arguments: dict[str, Any] = {**wanted.arguments, "org_id": principal.org_id}
    return Views(
        row=found[:IN_THE_ROW],
        more=found[IN_THE_ROW:],
        save_url=url_for("pages.save_task_view", **arguments),
        may_share=principal.may(Permission.VIEWS_SHARE),
    )


def list_url(org_id: uuid.UUID, query: ListQuery) -> str:
    """The address of a list."""
    arguments: dict[str, Any] = {**query.arguments, "org_id": org_id}
    return url_for("pages.task_list", **arguments)


def _edit_url(principal: Principal, view_id: uuid.UUID, *, shared: bool) -> str | None:
    if shared and not principal.may(Permission.VIEWS_SHARE):
        return None
    endpoint = "pages.change_shared_view" if shared else "pages.change_own_view"
    return url_for(endpoint, org_id=principal.org_id, view_id=view_id)
