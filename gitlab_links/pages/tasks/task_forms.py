"""Creating, changing and deleting tasks."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.people import colleagues
from gitlab_links.accounts.roles import Permission
from gitlab_links.errors import required
from gitlab_links.gitlab.pasted_lists import pasted_entries
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.links.task_removal import remove_task
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.edits_at_once import Both, Merge, Values, merge, seen
from gitlab_links.pages.form_fields import parsed, sent
from gitlab_links.pages.links.link_lists import link_errors, takes_links
from gitlab_links.pages.tasks.task_page import task_page
from gitlab_links.pages.unsent_forms import typed_before
from gitlab_links.pasting.changes import attach_all
from gitlab_links.plurals import counted
from gitlab_links.tasks.changes import create_task, lock_task, update_task
from gitlab_links.tasks.descriptions import MAX_DESCRIPTION, description_problem
from gitlab_links.tasks.models import TaskStatus
from gitlab_links.tasks.queries import task_at
from gitlab_links.tasks.summaries import TaskView
from gitlab_links.tasks.titles import MAX_TITLE, title_problem
from gitlab_links.tasks.web_urls import MAX_LENGTH, MESSAGE, is_web_url

FIELDS = {
    "title": "Title",
    "description": "Description",
    "assignee_id": "Assignee",
    "due_date": "Due date",
    "external_url": "External URL",
}
LONGEST = {"title": MAX_TITLE, "description": MAX_DESCRIPTION, "external_url": MAX_LENGTH}
# Not the control characters that Python counts as blanks: they are refused and not taken out.
_BLANKS = (
    " \t\n\r\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
Errors = Mapping[str, list[str]]
Choices = Sequence[tuple[str, str]]
NO_ERRORS: Errors = {}


def _typed(form: Values) -> Values:
    """The fields of a task, as they are stored."""
    return {name: form.get(name, "").replace("\r\n", "\n").strip(_BLANKS) for name in FIELDS}


def _stored(task: TaskView) -> Values:
    """The fields as a form would send them if nobody changed any."""
    return _typed({name: str(getattr(task, name) or "") for name in FIELDS})


def _assignees(org_id: uuid.UUID, task: TaskView | None) -> Choices:
    """Who may be chosen; whoever is assigned now stays a choice after leaving the org."""
    found = [(str(person.id), person.name) for person in colleagues(org_id)]
    if task is not None and task.assignee_id is not None:
        present = (str(task.assignee_id), task.assignee or "")
        found += [present] if present not in found else []
    return [("", "Nobody"), *found]


def _errors(typed: Values, assignees: Choices) -> Errors:
    title, description, url = (typed[name] for name in ("title", "description", "external_url"))
    found: dict[str, list[str]] = {}
    if not request.form["title"]:
        found["title"] = ["Enter a title."]
    elif not 0 < len(title) <= MAX_TITLE:
        found["title"] = [f"Enter a title of at most {MAX_TITLE} characters."]
    elif (problem := title_problem(title)) is not None:
        found["title"] = [problem]
    if len(description) > MAX_DESCRIPTION:
        found["description"] = [f"Use at most {MAX_DESCRIPTION:,} characters."]
    elif (problem := description_problem(description)) is not None:
        found["description"] = [problem]
    if typed["assignee_id"] not in dict(assignees):
        found["assignee_id"] = ["Choose somebody of this list."]
    if typed["due_date"] and parsed(date.fromisoformat, typed["due_date"]) is None:
        found["due_date"] = ["Enter a day, such as 2026-12-24."]
    if url and not is_web_url(url):
        too_long = [f"Use at most {MAX_LENGTH} characters."] if len(url) > MAX_LENGTH else []
        found["external_url"] = [*too_long, MESSAGE]
    return found


def _changes(typed: Values) -> dict[str, Any]:
    return {
        **typed,
        "external_url": typed["external_url"] or None,
        "assignee_id": parsed(uuid.UUID, typed["assignee_id"]),
        "due_date": parsed(date.fromisoformat, typed["due_date"]),
    }


@pages.route("/orgs/<uuid:org_id>/tasks/new", methods=["GET", "POST"])
@access(Permission.TASK_WRITE)
def new_task(org_id: uuid.UUID) -> ResponseReturnValue:
    """The form for a new task; saving opens the task."""
    principal, assignees = current_principal(), _assignees(org_id, None)
    if request.method == "GET":
        return _form_page(org_id, typed_before() or {}, assignees)
    sent(*FIELDS)
    typed, pasted = _typed(request.form), request.form.get("links", "")
    errors = {**_errors(typed, assignees), **link_errors(principal, pasted)}
    if errors:
        return _form_page(org_id, request.form, assignees, errors=errors), 422
    task = create_task(principal, **_changes(typed))
    to_link = pasted_entries(pasted)
    linked = attach_all(principal, task.id, to_link) if to_link else ()
    count = sum(one.is_new for one in linked)
    items = f" with {counted(count, 'linked item')}" if count else ""
    flash(f"Created {task.reference}{items}.", "success")
    return redirect(url_for("pages.show_task", org_id=org_id, reference=task.reference))


@pages.route("/orgs/<uuid:org_id>/tasks/<reference>/edit", methods=["GET", "POST"])
@access(Permission.TASK_WRITE)
def edit_task(org_id: uuid.UUID, reference: str) -> ResponseReturnValue:
    """Change every field but the status.

    If somebody else changed one of these fields meanwhile, too, nothing is saved and both
    values are shown. What only the other person changed stays.
    """
    if request.method == "POST":
        return _save(org_id, reference)
    task = task_at(org_id, reference)
    stored = _stored(task)
    shown = {**stored, "version": seen(stored), **(typed_before() or {})}
    return _form_page(org_id, shown, _assignees(org_id, task), task)


def _save(org_id: uuid.UUID, reference: str) -> ResponseReturnValue:
    """Save what the form changes."""
    lock_task(task_at(org_id, reference).id)
    sent(*FIELDS, "version")
    task = task_at(org_id, reference)
    assignees = _assignees(org_id, task)
    stored = _stored(task)
    both = merge(request.form["version"], _typed(request.form), stored)
    wrong = _errors(both.values, assignees)
    errors = {name: messages for name, messages in wrong.items() if name in both.mine}
    if errors:
        return _form_page(org_id, request.form, assignees, task, errors=errors), 422
    if both.disputed:
        shown = {**both.values, "version": seen(stored)}
        disputed = _disputed(both, task, assignees)
        return _form_page(org_id, shown, assignees, task, disputed=disputed), 412
    changes = _changes(both.values)
    update_task(current_principal(), task.id, {name: changes[name] for name in both.mine})
    flash(both.saved_words(FIELDS), "success")
    return redirect(url_for("pages.show_task", org_id=org_id, reference=task.reference))


@pages.post("/orgs/<uuid:org_id>/tasks/<reference>/status")
@access(Permission.TASK_WRITE)
def set_task_status(org_id: uuid.UUID, reference: str) -> ResponseReturnValue:
    """Set the status; if somebody else changed it meanwhile, show both first."""
    task = task_at(org_id, reference)
    status, seen = (required(parsed(TaskStatus, text)) for text in sent("status", "seen"))
    lock_task(task.id)
    task = task_at(org_id, reference)
    if task.status not in (seen, status):
        return task_page(current_principal(), task, 1, chosen=status), 412
    update_task(current_principal(), task.id, {"status": status.value})
    return redirect(url_for("pages.show_task", org_id=org_id, reference=task.reference))


@pages.post("/orgs/<uuid:org_id>/tasks/<reference>/delete")
@access(Permission.TASK_WRITE)
def delete_task(org_id: uuid.UUID, reference: str) -> ResponseReturnValue:
    """Delete the task and its links."""
    task = task_at(org_id, reference)
    remove_task(current_principal(), task.id)
    flash(f"Deleted {task.reference}.", "success")
    return redirect(url_for("pages.task_list", org_id=org_id))


def form_of_deleted(org_id: uuid.UUID, typed: Values) -> str | None:
    """The form for a new task, with what was typed to change one that is gone, or to link to it;
    None if that is nothing.
    """
    shown = {**_typed(typed), "links": typed.get("url", "").strip()}
    if not any(shown.values()):
        return None
    return _form_page(org_id, shown, _assignees(org_id, None), was_deleted=True)


def _disputed(merge: Merge, task: TaskView, assignees: Choices) -> list[Both]:
    """The stored and the typed values of fields that both changed, with the names of people."""
    stored, names = _stored(task), {**dict(assignees), str(task.assignee_id): task.assignee or ""}

    def shown(values: Values, name: str) -> str:
        return names[values[name]] if name == "assignee_id" else values[name]

    return [
        (FIELDS[name], shown(stored, name), shown(merge.values, name)) for name in merge.disputed
    ]


def _form_page(
    org_id: uuid.UUID,
    shown: Values,
    assignees: Choices,
    task: TaskView | None = None,
    *,
    errors: Errors = NO_ERRORS,
    disputed: list[Both] | None = None,
    was_deleted: bool = False,
) -> str:
    links = shown.get("links", "")
    return render_template(
        "tasks/form.html",
        org_id=org_id,
        values=_typed(shown),
        assignees=assignees,
        longest=LONGEST,
        version=shown.get("version", ""),
        task=task,
        errors=errors,
        disputed=disputed,
        was_deleted=was_deleted,
        takes_links=task is None and (bool(links) or takes_links(current_principal())),
        links=links,
    )
