"""Read work items from GitLab's GraphQL API: of every type, also those that the list of issues
leaves out (objectives, key results, epics; in some versions tickets and tasks).
"""

import re
from collections.abc import Mapping
from typing import Any

from gitlab_links.gitlab.fields import (
    Object,
    read_bool,
    read_given,
    read_id,
    read_labels,
    read_milestone,
    read_object,
    read_people,
    read_person,
    read_project_path,
    read_title,
)
from gitlab_links.gitlab.item_text import read_item_text
from gitlab_links.gitlab.items import ItemState, ItemType
from gitlab_links.gitlab.snapshot import UNKNOWN, Label, Milestone, Person, Snapshot, Unknown
from gitlab_links.gitlab.times import parse_date, parse_time

# Only fields that GitLab has since 16: one unknown field makes the whole query fail.
WORK_ITEMS = """
query($path: ID!, $iids: [String!]) {
  project(fullPath: $path) {
    id
    fullPath
    workItems(iids: $iids, first: 100) {
      nodes {
        id iid title state confidential createdAt updatedAt closedAt
        author { username name }
        widgets {
          ... on WorkItemWidgetDescription { description }
          ... on WorkItemWidgetAssignees { assignees { nodes { username name } } }
          ... on WorkItemWidgetLabels { labels { nodes { title color textColor } } }
          ... on WorkItemWidgetMilestone { milestone { id title } }
          ... on WorkItemWidgetStartAndDueDate { dueDate }
        }
      }
    }
  }
}
"""
PROJECT = "query($path: ID!) { project(fullPath: $path) { id } }"
_GLOBAL_ID = re.compile(r"gid://gitlab/[A-Za-z:]{1,60}/([0-9]{1,19})")
_STATES = {"OPEN": ItemState.OPENED, "CLOSED": ItemState.CLOSED}


def read_global_id(value: object) -> int | None:
    """The number in ``gid://gitlab/WorkItem/179785913``."""
    found = _GLOBAL_ID.fullmatch(value) if isinstance(value, str) else None
    return None if found is None else read_id(found.group(1))


def project_of_answer(answer: object) -> Object | None:
    """The project in a GraphQL answer; None if it has errors or no project."""
    body = read_object(answer)
    project = read_object(read_object(body.get("data")).get("project"))
    return project if project and not body.get("errors") else None


def says_no_project(answer: object) -> bool:
    """Whether the answer says that the project does not exist or the token may not see it."""
    body = read_object(answer)
    data = body.get("data")
    return not body.get("errors") and isinstance(data, dict) and data.get("project", 0) is None


def read_work_items(project: Object) -> dict[int, Snapshot] | None:
    """The work items in an answer by iid; None if it has no list of them."""
    nodes = read_object(project.get("workItems")).get("nodes")
    if not isinstance(nodes, list):
        return None
    snapshots = (_snapshot(read_object(node), project) for node in nodes)
    return {snapshot.iid: snapshot for snapshot in snapshots if snapshot is not None}


def _snapshot(node: Object, project: Object) -> Snapshot | None:
    iid = read_id(node.get("iid"))
    if iid is None:
        return None
    widgets = _widgets(node)
    milestone = read_given(widgets, "milestone", _milestone)
    return Snapshot(
        type=ItemType.ISSUE,
        iid=iid,
        project_id=read_global_id(project.get("id")),
        project_path=read_project_path(project.get("fullPath")),
        title=read_title(node),
        state=_STATES.get(str(node.get("state")), UNKNOWN),
        draft=False,
        confidential=read_bool(node.get("confidential")),
        labels=_labels(widgets),
        assignees=_assignees(widgets),
        reviewers=(),
        reviews=(),
        author=read_given(node, "author", read_person),
        milestone_id=milestone.id if isinstance(milestone, Milestone) else milestone,
        milestone=milestone,
        due_date=read_given(widgets, "dueDate", parse_date),
        merge_status=None,
        pipeline_status=None,
        pipeline_path=None,
        created_at=read_given(node, "createdAt", parse_time),
        updated_at=read_given(node, "updatedAt", parse_time),
        closed_at=read_given(node, "closedAt", parse_time),
        merged_at=None,
        source_project_id=None,
        source_branch=None,
        head_sha=None,
        target_branch=None,
        merged_by=None,
        text=read_item_text(ItemType.ISSUE, {"title": node.get("title")} | _description(widgets)),
        gitlab_id=read_global_id(node.get("id")),
    )


def _labels(widgets: Object) -> tuple[Label, ...] | Unknown:
    labels = _nodes(widgets.get("labels"))
    return UNKNOWN if labels is None else read_labels([_label(label) for label in labels])


def _assignees(widgets: Object) -> tuple[Person, ...] | Unknown:
    assignees = _nodes(widgets.get("assignees"))
    return UNKNOWN if assignees is None else read_people(assignees)


def _description(widgets: dict[str, Any]) -> dict[str, Any]:
    return {name: widgets[name] for name in ("description",) if name in widgets}


def _widgets(node: Object) -> dict[str, Any]:
    """The fields of all widgets in one dict. Which widgets exist depends on the item's type."""
    listed = node.get("widgets")
    found: dict[str, Any] = {}
    for widget in listed if isinstance(listed, list) else []:
        found |= read_object(widget)
    return found


def _nodes(connection: object) -> list[Any] | None:
    nodes = read_object(connection).get("nodes")
    return nodes if isinstance(nodes, list) else None


def _label(label: object) -> Mapping[str, Any]:
    data = read_object(label)
    return {**data, "text_color": data.get("textColor")}


def _milestone(value: object) -> Milestone | None:
    data = read_object(value)
    return read_milestone({**data, "id": read_global_id(data.get("id"))})
