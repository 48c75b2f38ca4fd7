"""The links of all tasks of an org: filters, two orders, and pages by position."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Permission
from gitlab_links.clock import utcnow
from gitlab_links.finding.link_list import (
    LINKED,
    UPDATED,
    LinkList,
    listed_links,
    task_references,
)
from gitlab_links.finding.link_query import LinkQuery, PipelineFilter
from gitlab_links.finding.list_query import ITEM_FILTERS, LinkStateFilter, one_of
from gitlab_links.gitlab.times import EARLIEST
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.live_parts import Live, answer_part, away_words, is_part
from gitlab_links.pages.paging import place_in
from gitlab_links.pages.tasks.roll_up_marks import NEED_MARKS
from gitlab_links.pages.tasks.task_list import LINKS, TYPES
from gitlab_links.pages.unapplied import BEHIND, typed_texts, unapplied
from gitlab_links.pages.wording import pipeline_mark
from gitlab_links.paging import Position
from gitlab_links.plurals import counted
from gitlab_links.rollup.needs import OF_AN_ITEM
from gitlab_links.rollup.visibility import Visibility

PART = "links"
VIEW = "pages.link_list"
LINKS_A_PAGE = 25

NEEDS = (("", "Anything"), *((need.value, NEED_MARKS[need].text) for need in OF_AN_ITEM))
STATES = tuple(one for one in LINKS if one[0] != LinkStateFilter.NONE)
PIPELINES = (
    ("", "Any"),
    *((one.value, pipeline_mark(one).text) for one in PipelineFilter),
)
# The fields that people type into; all but the first are needed seldom.
TEXTS = ("q", "assignee", *ITEM_FILTERS)
SORTS = (("updated", "Last updated in GitLab"), ("linked", "Last linked"))
ORDERS = {"updated": UPDATED, "linked": LINKED}


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filters, the order, and the link after which the page begins."""

    query: LinkQuery
    sort: str
    after: Position | None

    @classmethod
    def of(cls, args: MultiDict[str, str]) -> "Wanted":
        """Read the query string; a filter that the form does not offer is ignored."""
        return cls(
            query=LinkQuery.read(args),
            sort=one_of(args.get("sort"), ORDERS) or "updated",
            after=place_in(args),
        )

    @property
    def applied(self) -> dict[str, str | tuple[str, ...]]:
        """What the list has of the filters, by name, and its order."""
        return {**self.query.arguments, "sort": self.sort}

    def as_query(self, org_id: uuid.UUID, after: Position | None = None) -> dict[str, Any]:
        """The arguments of ``url_for`` for the page behind a link; the first page without."""
        query: dict[str, Any] = {**self.query.arguments, "org_id": org_id}
        if self.sort != "updated":
            query["sort"] = self.sort
        if after is not None:
            query["after"] = after.id
            if isinstance(after.value, datetime) and after.value > EARLIEST:
                query["at"] = after.value.isoformat()
        return query


@pages.get("/orgs/<uuid:org_id>/links")
@access(Permission.LINK_READ)
def link_list(org_id: uuid.UUID) -> ResponseReturnValue:
    """The links of all tasks that the viewer may see the content of.

    An open page polls the list alone, and gets a 304 if nothing changed.
    """
    principal = current_principal()
    visibility, wanted = Visibility.of(principal), Wanted.of(request.args)
    found = listed_links(
        visibility, wanted.query, sort=ORDERS[wanted.sort], after=wanted.after, limit=LINKS_A_PAGE
    )
    shown = _shown(principal, visibility, wanted, found)
    if is_part(PART):
        return answer_part("links/results.html", shown)
    typed = typed_texts({name: getattr(wanted.query, name) for name in TEXTS})
    return render_template(
        "links/all.html",
        **shown,
        typed=typed,
        more_open=wanted.query.pipeline or any(typed[name] for name in TEXTS if name != "q"),
        part=PART,
        csv_url=url_for("pages.links_csv", **wanted.as_query(org_id)),
        unapplied=unapplied(wanted.applied, places=BEHIND),
    )


def _shown(
    principal: Principal, visibility: Visibility, wanted: Wanted, found: LinkList
) -> dict[str, Any]:
    org_id, behind = principal.org_id, found.next
    connected = visibility.connection.base_url is not None
    tasks = task_references(visibility, found.links)
    older_url = behind and url_for(VIEW, **wanted.as_query(org_id, behind))
    today = utcnow().date()  # which decides what is overdue
    live = Live.of(
        url_for(VIEW, **wanted.as_query(org_id, wanted.after)),
        away_words(visibility.connection, shows_links=bool(found.links)),
        *(found.links, tasks, older_url, connected, principal.role, today),
    )
    return {
        "live": live,
        "org_id": org_id,
        "wanted": wanted.query,
        "sort": wanted.sort,
        "filtered": bool(wanted.query.arguments) or wanted.after is not None,
        "links": found.links,
        "tasks": tasks,
        "words": _words(len(found.links), are_more=behind is not None),
        "sees_all": visibility.sees_all,
        "manages": principal.may(Permission.INTEGRATION),
        "connected": connected,
        "choices": (
            ("need", "Needs", NEEDS),
            ("state", "State", STATES),
            ("type", "Type", TYPES),
        ),
        "pipelines": PIPELINES,
        "sorts": SORTS,
        "paged": wanted.after is not None,
        "newest_url": url_for(VIEW, **wanted.as_query(org_id)),
        "older_url": older_url,
    }


def _words(count: int, *, are_more: bool) -> str:
    if are_more:
        return f"{counted(count, 'link')}, and more on the next page"
    return counted(count, "link")
