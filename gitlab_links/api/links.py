"""/api/orgs/<org_id>/tasks/<task_id>/gitlab-links and /api/orgs/<org_id>/gitlab-links"""

import re
import uuid
from typing import Any

from flask import Response

from gitlab_links.accounts.roles import Permission
from gitlab_links.api.answers import json_answer, location
from gitlab_links.api.blueprints import links, refuses
from gitlab_links.api.cursors import cut
from gitlab_links.api.paging import order_and_place
from gitlab_links.api.schemas.link_queries import (
    BY_ORDER,
    OrgLinksQuery,
    TaskLinksQuery,
    sought_content,
)
from gitlab_links.api.schemas.links import (
    LinkChange,
    LinkEnvelope,
    LinksEnvelope,
    NewLink,
    RefreshEnvelope,
    named,
)
from gitlab_links.finding.link_list import listed_links
from gitlab_links.gitlab.fields import read_id
from gitlab_links.http.access import access
from gitlab_links.http.conditional import locks, set_state
from gitlab_links.http.guard import current_principal
from gitlab_links.integrations.credentials import IntegrationMissing
from gitlab_links.links.changed_links import ChangedLinks
from gitlab_links.links.changes import (
    LinkExists,
    detach,
    refresh_links_of_org,
    refresh_links_of_task,
)
from gitlab_links.links.link_filters import LinkFilter, LinkSort
from gitlab_links.links.provenance import NotMentioned, keep, leave_to_mentions
from gitlab_links.links.queries import find_link, find_link_of_org, links_page
from gitlab_links.links.sought_items import SoughtItem
from gitlab_links.pasting.changes import attach
from gitlab_links.pasting.reading import Reader
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.tasks.changes import lock_task
from gitlab_links.tasks.queries import require_task

_SYNC_TIMES = re.compile(rb'"last_synced_at":(?:null|"[^"]*"),"next_sync_at":(?:null|"[^"]*"),')


@links.get("/api/orgs/<uuid:org_id>/tasks/<uuid:task_id>/gitlab-links")
@access(Permission.LINK_READ)
@links.query(TaskLinksQuery)
@links.returns(200, LinksEnvelope)
def task_gitlab_links_get(query: dict[str, Any], org_id: uuid.UUID, task_id: uuid.UUID) -> Response:
    """List a task's links

    Answers at once with what is known. Links older than their TTL are refreshed by workers.
    """
    order, after = order_and_place(query)
    sort, limit = LinkSort(order), query["limit"]
    asked = {name: query[name] for name in LinkFilter.__slots__ if name in query}
    wanted = LinkFilter(**{**asked, "task_id": task_id, "labels": tuple(query["labels"])})
    viewer = current_principal().role
    found = links_page(org_id, wanted, sort=sort, after=after, limit=limit + 1, viewer=viewer)
    if not found:  # a task with links exists
        require_task(org_id, task_id)
    page, cursor = cut(found, limit, lambda link: BY_ORDER.encode(sort.position_of(link), sort))
    return _shown({"links": page, "next_cursor": cursor})


@links.post("/api/orgs/<uuid:org_id>/tasks/<uuid:task_id>/gitlab-links")
@access(Permission.LINK_WRITE)
@links.body(NewLink)
@links.returns(201, LinkEnvelope)
@refuses(LinkExists, IntegrationMissing)
def task_gitlab_links_post(new: dict[str, Any], org_id: uuid.UUID, task_id: uuid.UUID) -> Response:
    """Link an issue or merge request to a task

    Answers at once, usually with `sync.status` `never`; title, state and people follow a
    moment later. Name the item by `url`, or by `project_path`, `type` and `iid`. A refused one
    has one of these codes: `url_invalid`, `url_credentials`, `url_host_mismatch`,
    `url_project_path`, `url_iid`, `url_not_ascii`, `url_not_issue_or_mr`,
    `url_epic_unsupported`, `url_too_long`, `url_ambiguous`. If the task links it already, the
    answer is `link_exists` with the `link_id`.
    """
    link_id = attach(current_principal(), task_id, named(new))
    link = find_link(org_id, task_id, link_id, viewer=current_principal().role)
    answer = json_answer({"link": link}, 201)
    answer.headers.update(
        location("links.task_gitlab_link_get", org_id=org_id, task_id=task_id, link_id=link_id)
    )
    return answer


@links.get("/api/orgs/<uuid:org_id>/tasks/<uuid:task_id>/gitlab-links/<uuid:link_id>")
@access(Permission.LINK_READ)
@links.returns(200, LinkEnvelope)
def task_gitlab_link_get(org_id: uuid.UUID, task_id: uuid.UUID, link_id: uuid.UUID) -> Response:
    """Show a link"""
    link = find_link(org_id, task_id, link_id, viewer=current_principal().role)
    return _shown({"link": link})


@links.patch("/api/orgs/<uuid:org_id>/tasks/<uuid:task_id>/gitlab-links/<uuid:link_id>")
@access(Permission.LINK_WRITE)
@links.body(LinkChange)
@links.returns(200, LinkEnvelope)
@locks(lock_task, of="task_id")
@refuses(NotMentioned)
def task_gitlab_link_patch(
    change: dict[str, Any], org_id: uuid.UUID, task_id: uuid.UUID, link_id: uuid.UUID
) -> Response:
    """Keep a link that mentions made, or leave it to them again"""
    principal = current_principal()
    decide = keep if change["made_by_person"] else leave_to_mentions
    decide(principal, task_id, link_id)
    link = find_link(org_id, task_id, link_id, viewer=principal.role)
    return _shown({"link": link})


@links.delete("/api/orgs/<uuid:org_id>/tasks/<uuid:task_id>/gitlab-links/<uuid:link_id>")
@access(Permission.LINK_WRITE)
@links.returns(204)
@locks(lock_task, of="task_id")
def task_gitlab_link_delete(org_id: uuid.UUID, task_id: uuid.UUID, link_id: uuid.UUID) -> None:
    """Remove a link

    Nothing changes in GitLab. If the item mentions the task, the link stays away until the
    mention is gone and comes back, or until somebody links the item.
    """
    detach(current_principal(), task_id, link_id)


@links.post("/api/orgs/<uuid:org_id>/tasks/<uuid:task_id>/gitlab-links/refresh")
@access(Permission.LINK_WRITE)
@links.returns(202, RefreshEnvelope)
def task_gitlab_links_refresh_post(org_id: uuid.UUID, task_id: uuid.UUID) -> Any:
    """Have a task's links fetched from GitLab now

    Workers do it within seconds; then `sync.last_synced_at` changes, the `ETag` only with the
    rest of the answer.
    """
    require_task(org_id, task_id)
    return {"refreshing": refresh_links_of_task(org_id, task_id)}


@links.get("/api/orgs/<uuid:org_id>/gitlab-links/<uuid:link_id>")
@access(Permission.LINK_READ)
@links.returns(200, LinkEnvelope)
def org_gitlab_link_get(org_id: uuid.UUID, link_id: uuid.UUID) -> Response:
    """Show a link by its id alone"""
    link = find_link_of_org(org_id, link_id, viewer=current_principal().role)
    return _shown({"link": link})


@links.post("/api/orgs/<uuid:org_id>/gitlab-links/refresh")
@access(Permission.LINK_WRITE)
@links.returns(202, RefreshEnvelope)
def org_gitlab_links_refresh_post(org_id: uuid.UUID) -> Any:
    """Have the links of all of an org's tasks fetched from GitLab now

    At most 5,000 items, those first that were fetched longest ago; call it again for more.
    Workers take 100 items with one call to GitLab.
    """
    return {"refreshing": refresh_links_of_org(org_id)}


@links.get("/api/orgs/<uuid:org_id>/gitlab-links")
@access(Permission.LINK_READ)
@links.query(OrgLinksQuery)
@links.returns(200, LinksEnvelope)
@refuses(IntegrationMissing)
def org_gitlab_links_get(query: dict[str, Any], org_id: uuid.UUID) -> Response:
    """List the links of all of an org's tasks

    With `url`, or `project` and `iid`, those of one item: which tasks it belongs to. A refused
    URL has a `url_*` code, as when linking. Withheld items are listed by their references, and
    not at all with a filter by what they say.
    """
    visibility = Visibility.of(current_principal())
    order, after = order_and_place(query)
    since = query["updated_since"]
    found = listed_links(
        visibility,
        sought_content(query),
        sort=LinkSort(order),
        after=after,
        limit=query["limit"],
        narrowed=LinkFilter(
            **{name: query[name] for name in ("task_id", "gitlab_type", "sync_status")},
            project_path=query["project_path"],
            item=_sought(Reader.of(org_id, visibility.role), query) if _is_of_item(query) else None,
            changed=ChangedLinks(org_id, since) if since else None,
        ),
    )
    cursor = None if found.next is None else BY_ORDER.encode(found.next, order)
    return _shown({"links": found.links, "next_cursor": cursor})


def _shown(content: dict[str, Any]) -> Response:
    """The answer. When GitLab was asked and is asked next changes all the time and with no item,
    so its ETag leaves that out. Quotes in a text are escaped: none of them looks like it.
    """
    answer = json_answer(content)
    set_state(_SYNC_TIMES.sub(b"", answer.get_data()))
    return answer


def _is_of_item(query: dict[str, Any]) -> bool:
    return query["url"] is not None or query["project"] is not None


def _sought(reader: Reader, query: dict[str, Any]) -> SoughtItem:
    if query["url"] is not None:
        ref = reader.read(query["url"])
        return SoughtItem(reader.org_id, reader.base_url, ref.project_path, ref.iid, ref.type)
    project = read_id(query["project"]) or query["project"]
    return SoughtItem(reader.org_id, reader.base_url, project, query["iid"])
