"""Linking several pasted items at once, with an answer for each, also with a new task."""

from collections.abc import Sequence

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Permission
from gitlab_links.errors import Conflict
from gitlab_links.gitlab.pasted_lists import pasted_entries
from gitlab_links.links.queries import connection_of
from gitlab_links.pages.live_parts import is_part, tagged
from gitlab_links.pages.tasks.task_page import PART, Links, form_fragment, links_fragment, task_page
from gitlab_links.pasting.changes import MOST_AT_ONCE, Pasted, attach_all, refused
from gitlab_links.tasks.queries import task_at
from gitlab_links.tasks.summaries import TaskView

# Of the characters pasted at once.
MAX_PASTED = 20_000


def attach_several(principal: Principal, task: TaskView, pasted: str) -> ResponseReturnValue:
    """Link them. What was refused stays in the field, and each has an answer below it."""
    entries = pasted_entries(pasted)
    if (too_much := _too_much(pasted, entries)) is not None:
        return _refused(principal, task, pasted, error=too_much)
    try:
        answers = attach_all(principal, task.id, entries)
    except Conflict as refusal:
        return _refused(principal, task, "\n".join(entries), error=refusal.detail)
    kept = "\n".join(one.text for one in answers if one.refusal is not None)
    if not any(one.is_new for one in answers):
        return _refused(principal, task, kept, answers=answers)
    task = task_at(principal.org_id, task.reference)
    if is_part(PART):
        links = Links.of(principal, task, 1)
        page = links_fragment(principal, links, form=True, url=kept, answers=answers)
        return tagged(page, links.etag, 201)
    if kept:
        return task_page(principal, task, 1, url=kept, answers=answers)
    flash(f"Linked {sum(one.is_new for one in answers)} items.", "success")
    return redirect(url_for("pages.show_task", org_id=principal.org_id, reference=task.reference))


def _refused(
    principal: Principal,
    task: TaskView,
    kept: str,
    *,
    error: str = "",
    answers: Sequence[Pasted] = (),
) -> ResponseReturnValue:
    """Nothing was linked: the form alone, or the whole page, with the reasons."""
    if is_part(PART):
        links = Links.of(principal, task, 1)
        return form_fragment(principal, links, kept, error, answers), 422
    return task_page(principal, task, 1, url=kept, error=error, answers=answers), 422


def takes_links(principal: Principal) -> bool:
    """Whether a new task can be linked at once: the viewer may, and a GitLab is connected."""
    if not principal.may(Permission.LINK_WRITE):
        return False
    return connection_of(principal.org_id).base_url is not None


def link_errors(principal: Principal, pasted: str) -> dict[str, list[str]]:
    """What is wrong with the links for a new task, by the name of its field."""
    entries = pasted_entries(pasted)
    if not entries:
        return {}
    if not takes_links(principal):
        return {"links": ["Nothing can be linked before this org is connected to a GitLab."]}
    if (too_much := _too_much(pasted, entries)) is not None:
        return {"links": [too_much]}
    wrong = [
        f"\N{LEFT DOUBLE QUOTATION MARK}{one.text}\N{RIGHT DOUBLE QUOTATION MARK}: "
        f"{one.refusal.detail}"
        for one in refused(principal, entries)
        if one.refusal is not None
    ]
    return {"links": wrong} if wrong else {}


def _too_much(pasted: str, entries: Sequence[str]) -> str | None:
    if len(pasted.replace("\r\n", "\n")) > MAX_PASTED:
        return f"You pasted more than {MAX_PASTED:,} characters. Link fewer at once."
    if len(entries) > MOST_AT_ONCE:
        return f"You pasted {len(entries)} lines. Link at most {MOST_AT_ONCE} at once."
    return None
