"""What is done to several tasks of the list at once."""

import uuid
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.people import colleagues
from gitlab_links.accounts.roles import Permission
from gitlab_links.finding.list_query import FILTERS
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.links.task_removal import remove_tasks
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.form_fields import pressed
from gitlab_links.pages.tasks.browsing import list_page
from gitlab_links.pages.tasks.selection_form import SelectionForm
from gitlab_links.pages.tasks.task_list import PAGE_SIZE
from gitlab_links.plurals import counted
from gitlab_links.tasks.changes import lock_tasks, update_task
from gitlab_links.tasks.queries import tasks_there

SHOWN_BY = frozenset({*FILTERS, "sort", "page"})


@pages.post("/orgs/<uuid:org_id>/tasks/selected")
@access(Permission.TASK_WRITE)
def change_selected_tasks(org_id: uuid.UUID) -> ResponseReturnValue:
    """Set what is chosen on the selected tasks, or delete them, and show the list again: with a
    wrong choice or none, the same tasks are selected.

    A task that somebody else has deleted meanwhile is left out, and the message says so. One
    whose row has left the open page is left out, too: nobody sees any more that it is selected.
    """
    people = colleagues(org_id)
    form = SelectionForm.of(request.form, people, PAGE_SIZE)
    if not form.task_ids:
        flash("Select the tasks first.", "warning")
    elif pressed("delete"):
        done = remove_tasks(current_principal(), form.task_ids)
        _say(f"Deleted {counted(done, 'task')}.", done, form)
    elif form.error:
        return list_page(current_principal(), selection=form), 422
    else:
        done = _changed(form)
        words = f"Changed {counted(done, 'task')}: {form.in_words(people)}."
        _say(words, done, form)
    # ``url_for`` has parameters of its own, which nobody may set from outside.
    filters: dict[str, Any] = {
        name: value for name, value in request.args.items() if name in SHOWN_BY
    }
    return redirect(url_for("pages.task_list", org_id=org_id, **filters))


def _say(words: str, done: int, form: SelectionForm) -> None:
    """What happened, if ``done`` of the tasks were still there."""
    left = tasks_there(current_principal().org_id, form.left_ids)
    gone = len(form.task_ids) - done + len(form.left_ids) - left
    said = [words if done else "Nothing was changed."]
    if gone:
        said.append(f"{counted(gone, 'selected task was', 'selected tasks were')} already gone.")
    if left:
        tasks = counted(left, "selected task is", "selected tasks are")
        said.append(f"{tasks} no longer listed, and not changed.")
    flash(" ".join(said), "success" if done else "warning")


def _changed(form: SelectionForm) -> int:
    principal = current_principal()
    found = lock_tasks(principal.org_id, form.task_ids)
    for task_id in found:
        update_task(principal, task_id, form.changes)
    return len(found)
