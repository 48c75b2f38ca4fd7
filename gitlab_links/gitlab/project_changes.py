"""Ask GitLab's GraphQL API what changed in many projects, and for the statuses of many merge
requests. One unknown field makes a whole query fail, so only fields that GitLab has since 16.

GitLab limits a query's complexity to 250. By its formula the first query has some 70, with 100
projects; the second one 10 for each project.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gitlab_links.gitlab.fields import Object, read_id, read_object, read_sha, read_word
from gitlab_links.gitlab.times import parse_time
from gitlab_links.gitlab.work_items import read_global_id

MOST_PROJECTS = 100
MOST_PROJECTS_OF_STATUSES = 24
MOST_STATUSES = 100
# A project with more changes than this is read by its lists.
MOST_CHANGES = 50

CHANGES = f"""
query($ids: [ID!], $after: Time!) {{
  projects(ids: $ids, first: {MOST_PROJECTS}) {{
    nodes {{
      id
      issues(updatedAfter: $after, first: {MOST_CHANGES}) {{
        pageInfo {{ hasNextPage }} nodes {{ iid updatedAt }}
      }}
      mergeRequests(updatedAfter: $after, first: {MOST_CHANGES}) {{
        pageInfo {{ hasNextPage }} nodes {{ iid updatedAt }}
      }}
      pipelines(updatedAfter: $after, first: {MOST_CHANGES}) {{
        pageInfo {{ hasNextPage }} nodes {{ id sha status }}
      }}
    }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class ChangedPipeline:
    """A pipeline that changed: GitLab's id, the commit, and the present status."""

    id: int
    sha: str
    status: str


@dataclass(frozen=True, slots=True)
class ProjectChanges:
    """What changed in a project: times by iid, and pipelines. None: GitLab shows no such list,
    or there are more changes than it showed.
    """

    issues: Mapping[int, datetime] | None
    merge_requests: Mapping[int, datetime] | None
    pipelines: Sequence[ChangedPipeline] | None


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed, by GitLab's id of the project. A project that is missing cannot be read.
    ``started_at`` is the time before the call, ``gitlab_time`` that of the answer by GitLab's
    clock.
    """

    projects: Mapping[int, ProjectChanges]
    started_at: datetime
    gitlab_time: datetime | None


@dataclass(frozen=True, slots=True)
class Statuses:
    """What a merge request has that its time does not move with. None: there is none."""

    state: str | None
    merge_status: str | None
    pipeline_status: str | None
    pipeline_id: int | None = None


def read_changes(answer: object) -> dict[int, ProjectChanges] | None:
    """The changes by project, without those that GitLab had no time for. None if it answered
    nothing but errors, or no list of projects.
    """
    body = read_object(answer)
    failed = _failed_parts(body, step=2)
    nodes = read_object(read_object(body.get("data")).get("projects")).get("nodes")
    if failed is None or not isinstance(nodes, list):
        return None
    found = {}
    for number, project in enumerate(map(read_object, nodes)):
        gitlab_id = read_global_id(project.get("id"))
        if gitlab_id is not None and number not in failed:
            found[gitlab_id] = ProjectChanges(
                _times(project.get("issues")),
                _times(project.get("mergeRequests")),
                _pipelines(project.get("pipelines")),
            )
    return found if found or not failed else None


def _failed_parts(body: Object, step: int) -> set[int | str | None] | None:
    """The parts of the query that have an error: what the errors' paths name at ``step``. None
    if an error is about the whole query. GitLab leaves out what it has no time for, and says so.
    """
    errors = body.get("errors")
    if not errors:
        return set()
    if not isinstance(errors, list):
        return None
    parts = {_part(read_object(error).get("path"), step) for error in errors}
    return None if None in parts else parts


def _part(path: object, step: int) -> int | str | None:
    part = path[step] if isinstance(path, list) and len(path) > step else None
    return part if isinstance(part, int | str) else None


def _nodes(connection: object) -> list[Object] | None:
    listed = read_object(connection)
    nodes = listed.get("nodes")
    more = read_object(listed.get("pageInfo")).get("hasNextPage")
    return [read_object(node) for node in nodes] if isinstance(nodes, list) and not more else None


def _times(connection: object) -> dict[int, datetime] | None:
    nodes = _nodes(connection)
    if nodes is None:
        return None
    read = ((read_id(node.get("iid")), parse_time(node.get("updatedAt"))) for node in nodes)
    found = {iid: moment for iid, moment in read if iid is not None and moment is not None}
    return found if len(found) == len(nodes) else None


def _pipelines(connection: object) -> list[ChangedPipeline] | None:
    nodes = _nodes(connection)
    if nodes is None:
        return None
    found = []
    for node in nodes:
        pipeline_id, sha = read_global_id(node.get("id")), read_sha(node.get("sha"))
        status = _lower(node.get("status"))
        if pipeline_id is not None and sha is not None and status is not None:
            found.append(ChangedPipeline(pipeline_id, sha, status))
    return found


def statuses_query(wanted: Sequence[tuple[str, Sequence[int]]]) -> tuple[str, dict[str, Any]]:
    """The query for merge requests of several projects, by path and iids, and its variables."""
    names = [f"$p{number}: ID!, $i{number}: [String!]" for number, _project in enumerate(wanted)]
    parts = [
        f"""
  a{number}: project(fullPath: $p{number}) {{
    mergeRequests(iids: $i{number}, first: {MOST_STATUSES}) {{
      nodes {{ iid state detailedMergeStatus headPipeline {{ id status }} }}
    }}
  }}"""
        for number, _project in enumerate(wanted)
    ]
    variables: dict[str, Any] = {}
    for number, (path, iids) in enumerate(wanted):
        variables[f"p{number}"], variables[f"i{number}"] = path, [str(iid) for iid in iids]
    return f"query({', '.join(names)}) {{{''.join(parts)}\n}}", variables


def read_statuses(answer: object, count: int) -> list[dict[int, Statuses]] | None:
    """The statuses by iid, for each project of the query; none of a project that GitLab had no
    time for. None if it answered nothing but errors.
    """
    body = read_object(answer)
    data, failed = body.get("data"), _failed_parts(body, step=0)
    names = [f"a{number}" for number in range(count)]
    if failed is None or not isinstance(data, dict) or failed.issuperset(names):
        return None
    return [{} if name in failed else _statuses(read_object(data.get(name))) for name in names]


def _statuses(project: Object) -> dict[int, Statuses]:
    nodes = read_object(project.get("mergeRequests")).get("nodes")
    found = {}
    for node in map(read_object, nodes if isinstance(nodes, list) else []):
        iid = read_id(node.get("iid"))
        pipeline = read_object(node.get("headPipeline"))
        if iid is not None:
            found[iid] = Statuses(
                _lower(node.get("state")),
                _lower(node.get("detailedMergeStatus")),
                _lower(pipeline.get("status")),
                read_global_id(pipeline.get("id")),
            )
    return found


def _lower(value: object) -> str | None:
    """GraphQL spells in capitals what REST spells in small letters."""
    return read_word(value.lower()) if isinstance(value, str) else None
