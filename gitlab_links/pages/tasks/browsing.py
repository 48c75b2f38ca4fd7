"""The list of tasks, and one task."""

import uuid
from collections.abc import Mapping
from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.people import colleagues
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Permission
from gitlab_links.finding.list_query import ITEM_FILTERS, ListQuery
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.live_parts import Live, answer_part, away_words, is_part
from gitlab_links.pages.paging import Paging, page_in
from gitlab_links.pages.tasks import task_list as listing
from gitlab_links.pages.tasks.list_headings import list_headings
from gitlab_links.pages.tasks.selection_form import NOTHING_CHOSEN, SelectionForm, assignees
from gitlab_links.pages.tasks.task_page import task_page
from gitlab_links.pages.tasks.view_links import views_beside
from gitlab_links.pages.unapplied import typed_texts, unapplied
from gitlab_links.pages.unsent_forms import Typed, typed_before
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.tasks.queries import task_at

PART = "tasks"


@pages.get("/orgs/<uuid:org_id>/tasks")
@access(Permission.TASK_READ)
def task_list(org_id: uuid.UUID) -> ResponseReturnValue:
    """The org's tasks, with a summary of their links for viewers who may see links.

    An open page polls the list alone, and gets a 304 if nothing changed.
    """
    del org_id  # the caller has it
    principal = current_principal()
    if is_part(PART):
        shown = _shown(principal, _wanted(principal))
        return answer_part("tasks/results.html", shown)
    return list_page(principal)


@pages.get("/orgs/<uuid:org_id>/tasks/<reference>")
@access(Permission.TASK_READ)
def show_task(org_id: uuid.UUID, reference: str) -> ResponseReturnValue:
    """A task with its links."""
    task, typed = task_at(org_id, reference), typed_before() or Typed()
    page = page_in(request.args)
    return task_page(current_principal(), task, page, url=typed.get("url", ""))


def list_page(
    principal: Principal,
    query: ListQuery | None = None,
    *,
    view_form: Mapping[str, Any] | None = None,
    selection: SelectionForm = NOTHING_CHOSEN,
) -> str:
    """The whole page of a list, that of the address unless given. ``view_form`` has what is
    wrong with the name of a view; ``selection`` is what was chosen for selected tasks.
    """
    wanted = _wanted(principal, query)
    shown = _shown(principal, wanted, selection)
    typed = typed_texts({name: getattr(wanted, name) for name in ("q", *ITEM_FILTERS)})
    return render_template(
        "tasks/list.html",
        **shown,
        typed=typed,
        found_by=typed["q"],
        found_within={name: value for name, value in wanted.arguments.items() if name != "q"},
        more_open=any(typed[name] for name in ITEM_FILTERS),
        views=views_beside(principal, wanted),
        view_form=view_form,
        unapplied=unapplied({**wanted.arguments, "sort": wanted.sort}, page=shown["wanted"].page),
        part=PART,
    )


def _wanted(principal: Principal, query: ListQuery | None = None) -> listing.Wanted:
    given = request.args if query is None else query.arguments
    return listing.Wanted.of(given, sees_links=principal.may(Permission.LINK_READ))


def _shown(
    principal: Principal, wanted: listing.Wanted, selection: SelectionForm = NOTHING_CHOSEN
) -> dict[str, Any]:
    org_id = principal.org_id
    visibility, people = Visibility.of(principal), colleagues(org_id)
    wanted, found, rows = listing.find_tasks(visibility, wanted)

    def url(page: int) -> str:
        return url_for("pages.task_list", **wanted.as_query(org_id, page))

    connected = visibility.connection.base_url is not None
    may_edit = principal.may(Permission.TASK_WRITE)
    paging = Paging.of(found.total, wanted.page, listing.PAGE_SIZE, url, are_more=found.are_more)
    away = ""
    if visibility.sees_links:
        away = away_words(visibility.connection, shows_links=any(row.has_links for row in rows))
    return {
        "live": Live.of(url(wanted.page), away, rows, paging, connected, may_edit, principal.role),
        "org_id": org_id,
        "wanted": wanted,
        "headings": list_headings(org_id, wanted),
        "selection_url": url_for(
            "pages.change_selected_tasks", **wanted.as_query(org_id, wanted.page)
        ),
        "all_url": url_for("pages.task_list", org_id=org_id),
        "rows": rows,
        "total": found.total,
        "filtered": wanted.narrows or wanted.page > 1,
        "sees_links": visibility.sees_links,
        "may_edit": may_edit,
        "may_connect": principal.may(Permission.INTEGRATION),
        "connected": connected,
        "options": listing,
        "assignees": listing.assignees(people, wanted.assignee),
        "selection": selection,
        "selection_left": selection.not_among({row.id for row in rows}),
        "selection_assignees": assignees(people),
        "example_reference": f"{found.task_key}-1",
        "paging": paging,
    }
