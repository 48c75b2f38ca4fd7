"""The links of a task: list for the open page, attach, unlink, undo, refresh."""

import uuid
from functools import partial
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Permission
from gitlab_links.errors import Conflict, Invalid
from gitlab_links.gitlab.item_paths import NamesNoItem
from gitlab_links.gitlab.pasted_lists import pasted_entries
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.links.changes import detach, refresh_links_of_task
from gitlab_links.links.provenance import keep, leave_to_mentions
from gitlab_links.links.queries import find_link
from gitlab_links.links.undoing import reattach
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.form_fields import sent
from gitlab_links.pages.links.link_lists import attach_several
from gitlab_links.pages.links.link_undo import removed_link, undo_token
from gitlab_links.pages.live_parts import if_changed, is_part, tagged
from gitlab_links.pages.paging import page_in
from gitlab_links.pages.tasks.task_page import (
    PART,
    Links,
    form_fragment,
    links_fragment,
    task_page,
    task_url,
)
from gitlab_links.pasting.changes import attach
from gitlab_links.plurals import counted
from gitlab_links.tasks.queries import task_at


@pages.get("/orgs/<uuid:org_id>/tasks/<reference>/links")
@access(Permission.LINK_READ)
def task_links(org_id: uuid.UUID, reference: str) -> ResponseReturnValue:
    """Task and links for the open page: a 304 after five small queries if nothing changed."""
    if not is_part(PART):
        asked = request.args.get("page")
        return redirect(url_for("pages.show_task", org_id=org_id, reference=reference, page=asked))
    principal = current_principal()
    links = Links.of(principal, task_at(org_id, reference), page_in(request.args))
    return if_changed(links.etag, partial(links_fragment, principal, links))


@pages.post("/orgs/<uuid:org_id>/tasks/<reference>/links")
@access(Permission.LINK_WRITE)
def attach_link(org_id: uuid.UUID, reference: str) -> ResponseReturnValue:
    """Link what was pasted; an error is shown beside the field."""
    principal = current_principal()
    task = task_at(org_id, reference)
    [url] = sent("url")
    entries = pasted_entries(url)
    if len(entries) > 1:
        return attach_several(principal, task, url)
    try:
        link_id = attach(principal, task.id, entries[0] if entries else url)
    except (Invalid, Conflict) as refusal:
        error = " ".join(refusal.errors.get("url", [refusal.detail]))
        if isinstance(refusal, NamesNoItem) and not refusal.is_number:
            error += " Or type words of its title, and choose it from the list that opens."
        if is_part(PART):
            links = Links.of(principal, task, 1)
            return form_fragment(principal, links, url, error), refusal.status
        return task_page(principal, task, 1, url=url, error=error), refusal.status
    if is_part(PART):
        links = Links.of(principal, task_at(org_id, reference), 1)
        return tagged(links_fragment(principal, links, form=True), links.etag, 201)
    flash(f"Linked {find_link(org_id, task.id, link_id).reference}.", "success")
    return redirect(url_for("pages.show_task", org_id=org_id, reference=task.reference))


@pages.post("/orgs/<uuid:org_id>/tasks/<reference>/links/<uuid:link_id>/unlink")
@access(Permission.LINK_WRITE)
def unlink(org_id: uuid.UUID, reference: str, link_id: uuid.UUID) -> ResponseReturnValue:
    """Remove a link; the message about it has an *Undo* button."""
    task = task_at(org_id, reference)
    link = find_link(org_id, task.id, link_id)
    removed = detach(current_principal(), task.id, link_id)
    away = removed.mentioned_in is not None
    mentions = " It stays away for as long as the item mentions this task." if away else ""
    notice = {
        "text": f"Unlinked {link.reference}.{mentions}",
        "undo_action": url_for(
            "pages.relink", org_id=org_id, reference=task.reference, page=request.args.get("page")
        ),
        "undo": undo_token(task.id, removed),
    }
    return _done(current_principal(), reference, "success", notice)


@pages.post("/orgs/<uuid:org_id>/tasks/<reference>/links/<uuid:link_id>/keep")
@access(Permission.LINK_WRITE)
def keep_link(org_id: uuid.UUID, reference: str, link_id: uuid.UUID) -> ResponseReturnValue:
    """Keep a link that mentions made; the message about it has an *Undo* button."""
    principal, task = current_principal(), task_at(org_id, reference)
    keep(principal, task.id, link_id)
    link = find_link(org_id, task.id, link_id)
    notice = {
        "text": f"Kept {link.reference}. It stays when the mention goes.",
        "undo_action": url_for(
            "pages.leave_link",
            org_id=org_id,
            reference=task.reference,
            link_id=link_id,
            page=request.args.get("page"),
        ),
        "undo": "keep",
    }
    return _done(principal, reference, "success", notice)


@pages.post("/orgs/<uuid:org_id>/tasks/<reference>/links/<uuid:link_id>/leave")
@access(Permission.LINK_WRITE)
def leave_link(org_id: uuid.UUID, reference: str, link_id: uuid.UUID) -> ResponseReturnValue:
    """Leave a link to the mentions again."""
    principal, task = current_principal(), task_at(org_id, reference)
    try:
        leave_to_mentions(principal, task.id, link_id)
    except Conflict as refusal:
        return _done(principal, reference, "warning", refusal.detail)
    return _done(principal, reference, "success")


@pages.post("/orgs/<uuid:org_id>/tasks/<reference>/links/undo")
@access(Permission.LINK_WRITE)
def relink(org_id: uuid.UUID, reference: str) -> ResponseReturnValue:
    """Undo the removal of a link."""
    principal = current_principal()
    task = task_at(org_id, reference)
    [token] = sent("undo")
    try:
        removed = removed_link(task.id, token)
        link_id = reattach(principal, task.id, removed)
    except Conflict as refusal:
        return _done(principal, reference, "warning", refusal.detail)
    link = find_link(org_id, task.id, link_id)
    notices = [] if is_part(PART) else [f"Linked {link.reference} again."]
    return _done(principal, reference, "success", *notices)


@pages.post("/orgs/<uuid:org_id>/tasks/<reference>/links/refresh")
@access(Permission.LINK_WRITE)
def refresh_links(org_id: uuid.UUID, reference: str) -> ResponseReturnValue:
    """Have every item of the task fetched from GitLab."""
    task = task_at(org_id, reference)
    count = refresh_links_of_task(org_id, task.id)
    words = f"Fetching {counted(count, 'item')} from GitLab."
    return _done(current_principal(), reference, "info", words)


def _done(
    principal: Principal, reference: str, category: str, *notices: Any
) -> ResponseReturnValue:
    """The current page of links with the messages: the part alone, or a redirect to the page."""
    org_id, page = principal.org_id, page_in(request.args)
    task = task_at(org_id, reference)
    links = Links.of(principal, task, page)
    if is_part(PART):
        messages = [(category, notice) for notice in notices]
        return tagged(links_fragment(principal, links, notices=messages), links.etag)
    for notice in notices:
        flash(notice, category)
    return redirect(task_url("pages.show_task", org_id, task, links.page))
