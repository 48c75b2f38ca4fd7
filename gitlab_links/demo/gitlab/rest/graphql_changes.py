"""GraphQL about many projects: what changed since, and the statuses of merge requests."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from gitlab_links.demo.gitlab.current import state
from gitlab_links.demo.gitlab.records import Item, MergeRequest, Pipeline, Project
from gitlab_links.demo.gitlab.rest.access import caller
from gitlab_links.gitlab.times import parse_time

Json = dict[str, Any]
MOST_COMPLEX = 250
LARGEST_PAGE = 100
ALIAS = re.compile(r"(\w+): project\(fullPath: \$(\w+)\) \{\s*mergeRequests\(iids: \$(\w+)")
FIELD = re.compile(r"(\w+)\s*(\([^)]*\))?\s*(\{)?|(\})")
FIRST = re.compile(r"first: (\d+)")


def answer_changes(query: str, variables: Json) -> Json:
    """The answer to either query, unless it is too complex."""
    complexity = complexity_of(query)
    if complexity > MOST_COMPLEX:
        text = f"Query has complexity of {complexity}, which exceeds max complexity of 250"
        return {"errors": [{"message": text}]}
    if "projects(ids:" in query:
        nodes = _changes(query, variables)
        late = [
            _time_out(node, ["projects", "nodes", number], field)
            for number, node in enumerate(nodes)
            for field in ("issues", "mergeRequests", "pipelines")
            if int(node["id"].rpartition("/")[2]) in state().late_projects
        ]
        return _answer({"projects": {"nodes": nodes}}, late)
    found, late = {}, []
    for alias, path, iids in ALIAS.findall(query):
        found[alias] = _statuses(variables[path], variables[iids])
        project, _ = state().projects.find(variables[path])
        if project is not None and project.id in state().late_projects:
            late.append(_time_out(found[alias] or {}, [alias], "mergeRequests"))
    return _answer(found, late)


def _time_out(node: Json, path: list[str | int], field: str) -> Json:
    """The error of a field that GitLab has no time for: its value is null."""
    node[field] = None
    return {"message": f"Timeout on Project.{field}", "path": [*path, field]}


def _answer(data: Json, errors: list[Json]) -> Json:
    return {"data": data, "errors": errors} if errors else {"data": data}


def complexity_of(query: str) -> int:
    """By GitLab's formula: a field is 1 and its fields, and 1 % more for each entry of a page,
    unless the entries are named by iid.
    """
    body = re.sub(r"\w+: (?=project\()", "", query[query.index("{") + 1 :])
    totals, multipliers = [0.0], [1.0]
    for _name, arguments, opens, closes in FIELD.findall(body):
        if closes:
            if len(totals) > 1:
                inner, multiplier = totals.pop(), multipliers.pop()
                totals[-1] += (1 + inner) * multiplier
            continue
        if opens:
            first = FIRST.search(arguments)
            counted = first is not None and "iids" not in arguments
            multipliers.append(1 + 0.01 * int(first[1]) if first and counted else 1.0)
            totals.append(0.0)
        else:
            totals[-1] += 1
    return int(totals[0])


def _changes(query: str, variables: Json) -> list[Json]:
    after = parse_time(variables["after"])
    assert after is not None  # noqa: S101  # GraphQL refuses another type
    wanted = [int(gid.rpartition("/")[2]) for gid in variables["ids"]][:LARGEST_PAGE]
    found = [state().projects.by_id.get(project_id) for project_id in wanted]
    seen = [one for one in found if one is not None and one.readable_by(caller())]
    return [_project(project, after, _first_of(query)) for project in seen]


def _first_of(query: str) -> int:
    found = re.search(r"issues\([^)]*first: (\d+)", query)
    return min(LARGEST_PAGE, int(found[1]) if found else LARGEST_PAGE)


def _project(project: Project, after: datetime, first: int) -> Json:
    issues = [
        issue
        for issue in project.issues.values()
        if issue.is_listed and project.issue_readable_by(issue, caller())
    ]
    requests = (
        list(project.merge_requests.values())
        if project.merge_requests_readable_by(caller())
        else None
    )
    pipelines = project.pipelines if project.pipelines_readable_by(caller()) else None
    return {
        "id": f"gid://gitlab/Project/{project.id}",
        "issues": _connection(issues, after, first),
        "mergeRequests": None if requests is None else _connection(requests, after, first),
        "pipelines": None if pipelines is None else _pipelines(pipelines, after, first),
    }


def _connection(items: Sequence[Item], after: datetime, first: int) -> Json:
    changed = [item for item in items if item.updated_at >= after]
    nodes = [{"iid": str(item.iid), "updatedAt": _iso(item.updated_at)} for item in changed]
    return {"pageInfo": {"hasNextPage": len(nodes) > first}, "nodes": nodes[:first]}


def _pipelines(pipelines: Sequence[Pipeline], after: datetime, first: int) -> Json:
    changed = [one for one in pipelines[::-1] if one.updated_at >= after]
    nodes = [
        {"id": f"gid://gitlab/Ci::Pipeline/{one.id}", "sha": one.sha, "status": one.status.upper()}
        for one in changed
    ]
    return {"pageInfo": {"hasNextPage": len(nodes) > first}, "nodes": nodes[:first]}


def _statuses(path: str, iids: list[str]) -> Json | None:
    project, has_moved = state().projects.find(path)
    if project is None or has_moved or not project.readable_by(caller()):
        return None
    if not project.merge_requests_readable_by(caller()):
        return {"mergeRequests": None}
    found = (project.merge_requests.get(int(iid)) for iid in iids[:LARGEST_PAGE])
    return {"mergeRequests": {"nodes": [_status(mr) for mr in found if mr is not None]}}


def _status(mr: MergeRequest) -> Json:
    pipeline = mr.pipeline if mr.source_project.pipelines_readable_by(caller()) else None
    answer = {
        "iid": str(mr.iid),
        "state": mr.state,
        "detailedMergeStatus": mr.detailed_merge_status.upper(),
        "headPipeline": pipeline and _head(pipeline),
    }
    mr.unchecked = False  # asking has it worked out
    return answer


def _head(pipeline: Pipeline) -> Json:
    return {"id": f"gid://gitlab/Ci::Pipeline/{pipeline.id}", "status": pipeline.status.upper()}


def _iso(moment: datetime) -> str:
    """GraphQL writes a time without the fraction of its second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
