"""The page of a task, and the part of it that an open page polls; both use one markup."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from flask import render_template, url_for

from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Permission
from gitlab_links.clock import utcnow
from gitlab_links.gitlab.new_item_urls import NewItemUrls, new_item_urls
from gitlab_links.links.also_linked import others_of_links
from gitlab_links.links.confidentiality import sees_all
from gitlab_links.links.link_filters import LinkFilter, LinkSort
from gitlab_links.links.queries import LinksOfTask, links_of_task, links_page
from gitlab_links.pages.live_parts import Live, away_words, etag_of
from gitlab_links.pages.paging import Paging
from gitlab_links.pages.rules.rule_story import rule_story
from gitlab_links.pages.tasks.descriptions import shown_description
from gitlab_links.pages.tasks.roll_up_marks import marks_of
from gitlab_links.pages.tasks.task_list import STATUS_MARKS
from gitlab_links.pages.unapplied import unapplied
from gitlab_links.pasting.changes import Pasted
from gitlab_links.pasting.known_projects import projects_for_task
from gitlab_links.rollup.link_states import link_states, roll_up_of
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.tasks.models import TaskStatus
from gitlab_links.tasks.summaries import TaskView

EXAMPLE_PATH = "/group/project/-/issues/1"
PART = "links"
LINKS_VIEW = "pages.task_links"
LINKS_A_PAGE = 50
STATUSES = [
    {"value": status.value, "text": mark.text, "tone": mark.tone}
    for status, mark in STATUS_MARKS.items()
]


@dataclass(frozen=True, slots=True)
class Links:
    """Facts about all links of a task, the page of them to show, and the ETag.

    Read before the links themselves, so that the next poll picks up a change in between.
    """

    task: TaskView
    whole: LinksOfTask
    page: int
    etag: str

    @classmethod
    def of(cls, principal: Principal, task: TaskView, page: int) -> "Links":
        """The current facts; a page beyond the last one becomes the last one."""
        whole = links_of_task(principal.org_id, task.id, viewer=principal.role)
        page = max(1, min(page, -(-whole.count // LINKS_A_PAGE)))
        today = utcnow().date()  # which decides what is overdue
        etag = etag_of(task, whole.version, page, principal.role, today)
        return cls(task, whole, page, etag)

    @property
    def updated_at(self) -> datetime:
        """When the task, its links or their items in GitLab last changed."""
        moments = (self.task.updated_at, self.task.links_changed_at, self.whole.active_at)
        return max(moment for moment in moments if moment is not None)


def task_page(
    principal: Principal,
    task: TaskView,
    page: int,
    *,
    url: str = "",
    error: str = "",
    answers: Sequence[Pasted] = (),
    chosen: TaskStatus | None = None,
) -> str:
    """The whole page. ``error`` and ``answers`` are about the ``url`` just pasted; ``chosen`` is a
    status that was not saved because somebody else changed it meanwhile.
    """
    sees_links = principal.may(Permission.LINK_READ)
    parts = _head(principal, task, task.updated_at)
    if sees_links:
        links = Links.of(principal, task, page)
        parts |= _head(principal, task, links.updated_at)
        parts |= {**_list(principal, links), **_form(principal, links)}
        parts |= _judged(principal, links)
        parts["new_items"] = _new_items(principal, links)
        parts["unapplied"] = unapplied({}, page=links.page)
    return render_template(
        "tasks/show.html",
        **parts,
        part=PART,
        sees_links=sees_links,
        url=url,
        error=error,
        answers=answers,
        chosen_text=chosen and STATUS_MARKS[chosen].text,
    )


def links_fragment(
    principal: Principal,
    links: Links,
    *,
    notices: Sequence[tuple[str, Any]] = (),
    form: bool = False,
    url: str = "",
    answers: Sequence[Pasted] = (),
) -> str:
    """Head, list of links, messages, and if ``form`` is set a form with ``url`` and the answers
    to what was pasted.
    """
    parts = {**_head(principal, links.task, links.updated_at), **_list(principal, links)}
    parts |= _judged(principal, links)
    if form:
        parts |= _form(principal, links)
    return render_template(
        "links/fragment.html", **parts, notices=notices, form=form, url=url, answers=answers
    )


def form_fragment(
    principal: Principal,
    links: Links,
    url: str,
    error: str = "",
    answers: Sequence[Pasted] = (),
) -> str:
    """The form with the error beside the field."""
    shown = {"url": url, "error": error, "answers": answers}
    return render_template("links/form.html", **_form(principal, links), **shown)


def task_url(view: str, org_id: uuid.UUID, task: TaskView, page: int = 1) -> str:
    """The address of a view of a task, with a page of its links."""
    number = page if page > 1 else None
    return url_for(view, org_id=org_id, reference=task.reference, page=number)


def _head(principal: Principal, task: TaskView, updated_at: datetime) -> dict[str, Any]:
    return {
        "org_id": principal.org_id,
        "task": task,
        "description": shown_description(principal.org_id, task.description),
        "updated_at": updated_at,
        "status_text": STATUS_MARKS[TaskStatus(task.status)].text,
        "is_late": task.is_late(utcnow().date()),
        "statuses": STATUSES,
        "may_edit": principal.may(Permission.TASK_WRITE),
        "has_timeline": principal.may(Permission.LINK_READ),
    }


def _judged(principal: Principal, links: Links) -> dict[str, Any]:
    """The roll-up of all links, not only those of the page, and what the rules say of them."""
    task, connection = links.task, links.whole.connection
    visibility = Visibility(principal.org_id, principal.user_id, principal.role, True, connection)
    states = link_states(visibility, [task.id]).get(task.id, ())
    marks = marks_of(roll_up_of(task, states), states)
    return {"marks": marks, **rule_story(principal, visibility, task)}


def _list(principal: Principal, links: Links) -> dict[str, Any]:
    org_id, task = principal.org_id, links.task
    page_url = partial(task_url, "pages.show_task", org_id, task)
    shown = links_page(
        org_id,
        LinkFilter(task_id=task.id),
        sort=LinkSort.CREATED_DESC,
        limit=LINKS_A_PAGE,
        offset=(links.page - 1) * LINKS_A_PAGE,
        viewer=principal.role,
        connection=links.whole.connection,
    )
    all_seen = sees_all(links.whole.connection, principal.role)
    return {
        "links": shown,
        "others": others_of_links([link.id for link in shown], all_seen=all_seen),
        "paging": Paging.of(links.whole.count, links.page, LINKS_A_PAGE, page_url),
        "page": links.page,
        "page_query": f"?page={links.page}" if links.page > 1 else "",
        "live": Live(
            url=task_url(LINKS_VIEW, org_id, task, links.page),
            etag=links.etag,
            away=away_words(links.whole.connection, shows_links=bool(shown)),
        ),
        "links_url": task_url(LINKS_VIEW, org_id, task),
        "may_write": principal.may(Permission.LINK_WRITE),
        "manages": principal.may(Permission.INTEGRATION),
    }


def _new_items(principal: Principal, links: Links) -> list[NewItemUrls]:
    """GitLab's own forms for each project that the viewer knows of."""
    base_url, task = links.whole.connection.base_url, links.task
    if base_url is None or not principal.may(Permission.LINK_WRITE):
        return []
    return [
        new_item_urls(
            base_url, one.path, reference=task.reference, title=task.title, branch=task.branch_name
        )
        for one in projects_for_task(principal, task, links.whole.connection)
    ]


def _form(principal: Principal, links: Links) -> dict[str, Any]:
    base_url = links.whole.connection.base_url
    return {
        "links_url": task_url(LINKS_VIEW, principal.org_id, links.task),
        "connected": base_url is not None,
        "example": f"{base_url}{EXAMPLE_PATH}",
        "suggestions_url": task_url("pages.link_suggestions", principal.org_id, links.task),
    }
