"""The list of tasks and the search beside 100,000 tasks with 500,000 links, on both databases."""

import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from flask import Flask

from benchmarks import kept_rollups, overview
from benchmarks.inprocess import get
from benchmarks.many_tasks import LINKS_A_TASK, TASKS, make_many_tasks
from benchmarks.report import Result, Row, below
from benchmarks.stage import Stage
from gitlab_links.extensions import db
from gitlab_links.rollup.needs import OF_AN_ITEM, Need
from tests.statements import statements

ROUNDS = 10
LIMIT = 100
TICKS = 100  # of /proc, a second
API = "links in the API"
PAGES = {
    "all, newest first": "",
    "by last activity": "sort=updated",
    "by title": "sort=title",
    "not done, by last activity": "status=open&sort=updated",
    "merged": "links=merged",
    "search, a rare word": "q=shumife",
    "search, two words": "q=defi+gohu",
    "search, a word of most tasks": "q=bade",
    "search, beginning of words": "q=shu+mif",
    "search, group/app!5": "q=acme/project-7!40007",
    "search, !5": "q=!40007",
    **{need.value.replace("_", " "): f"need={need.value}" for need in Need},
    "sync problems": "links=problem",
    "a label": "label=label-3",
    "a milestone": "milestone=3.0",
    "a project": "project=acme/project-7",
    "a person": "person=person7",
    "no links": "links=none",
    "mine, by last activity": "assignee=me&sort=updated",
    "a milestone, by last activity": "milestone=3.0&sort=updated",
    "waiting for review, by last activity": "need=waiting_for_review&sort=updated",
    "search, a word of most tasks, by last activity": "q=bade&sort=updated",
    "no issues": "type=issue&links=none",
    "all merged not done, by last activity": "need=all_merged_not_done&sort=updated",
    "a milestone, page 30": "milestone=3.0&page=30",
    "a milestone, by title": "milestone=3.0&sort=title",
    "waiting for review, with a label": "need=waiting_for_review&label=label-3",
    "waiting for review, with a milestone": "need=waiting_for_review&milestone=3.0",
    "not done, with a word of most tasks": "q=bade&status=open",
    "in progress, with a label": "status=in_progress&label=label-3",
}
PAGES_OF_LINKS = {
    "last updated": "",
    "last linked": "sort=linked",
    "merged": "state=merged",
    "sync problems": "state=problem",
    "pipelines running, none": "pipeline=running",
    "a label": "label=label-3",
    "a person": "person=person7",
    "a project": "project=acme/project-7",
    "words": "q=shu+mif",
    "group/app!5": "q=acme/project-7!40007",
    **{need.value.replace("_", " "): f"need={need.value}" for need in OF_AN_ITEM},
    "a milestone": "milestone=3.0",
    "a person and a label": "person=person7&label=label-3",
    "a person, a label and a project": "person=person7&label=label-3&project=acme/project-7",
    "failing, with a label": "need=failing&label=label-3",
    "a label that nothing has": "label=nothing",
    "a project that nothing is of": "project=acme/nothing",
    "a label, last linked": "label=label-3&sort=linked",
    "a milestone, last linked": "milestone=3.0&sort=linked",
    "a person, last linked": "person=person7&sort=linked",
    "words, last linked": "q=shu+mif&sort=linked",
    "open, with a milestone": "state=opened&milestone=3.0",
    "open, with a milestone, last linked": "state=opened&milestone=3.0&sort=linked",
    "open, with a label": "state=opened&label=label-3",
}
LISTS_OF_LINKS = {
    "in the order of creation": "sort=created_at",
    "by title": "sort=title",
    "last updated": "sort=-gitlab_updated_at",
    "a path": "project_path=acme/project-7",
    "a path, 200 links": "project_path=acme/project-7&limit=200",
    "a path that nothing has": "project_path=acme/nothing",
    "sync errors, none": "sync_status=error",
    "sync errors, last updated": "sync_status=error&sort=-gitlab_updated_at",
    "never fetched, none": "sync_status=never",
    "changed since, all": "updated_since=2020-01-01T00:00Z",
    "changed since, all, last updated": "updated_since=2020-01-01T00:00Z&sort=-gitlab_updated_at",
    "changed since, none": "updated_since=2100-01-01T00:00Z",
    "a label": "label=label-3",
    "a label, 200 links": "label=label-3&limit=200",
}
SUGGESTED = {
    "labels": "field=label",
    "labels by a part": "field=label&q=bel-3",
    "milestones": "field=milestone",
    "people": "field=person",
    "people by a part of the name": "field=person&q=son+7",
    "projects by a part": "field=project&q=ject-7",
    "a label that nothing has": "field=label&q=nothing",
}


def run(stage: Stage) -> Result:
    """CPU of this process and of the database's, for one request."""
    rows: list[Row] = []
    notes: list[str] = []
    for dialect in ("postgresql", "sqlite"):
        app = stage.make_app(stage.new_database(dialect))
        org_id, _, cookie = make_many_tasks(app, f"finding-{dialect}", stage.gitlab_url)
        found, plans = measure(app, org_id, cookie)
        of_links, more = measure(app, org_id, cookie, PAGES_OF_LINKS, page="links")
        of_api, most = measure(app, org_id, cookie, LISTS_OF_LINKS, page=API)
        suggested, last = measure(app, org_id, cookie, SUGGESTED, page="filters/suggestions")
        rows += [
            *found,
            *of_links,
            *of_api,
            *suggested,
            *overview.measure(app, org_id, cookie, _cpu),
        ]
        rows += kept_rollups.measure(app, org_id)
        notes += [plans, more, most, last]
    return Result(rows, "\n\n".join(notes))


def measure(
    app: Flask,
    org_id: uuid.UUID,
    cookie: str,
    pages: Mapping[str, str] = PAGES,
    *,
    page: str = "tasks",
) -> tuple[list[Row], str]:
    """A row for each page, and the plans of their slowest statements."""
    with app.app_context():
        dialect = db.engine.dialect.name
    path, session = f"/orgs/{org_id}/{page}", f"session={cookie}"
    if page == API:
        path = f"/api/orgs/{org_id}/gitlab-links"
    rows = [Row(f"{dialect}: {TASKS:,} tasks, {TASKS * LINKS_A_TASK:,} links", "")]
    plans: list[str] = []
    for name, query in pages.items():

        def ask(query: str = query) -> bytes:
            return get(app, path, query, cookie=session)

        ask()  # the first use of a session is noted
        with statements(app) as sent:
            ask()
        cpu = _cpu(app, ask)
        rows.append(below(f"{dialect}, {page}: {name}, {len(sent)} statements", cpu, LIMIT, "ms"))
        if query:
            plans.append(_plan(app, name, sent))
    return rows, f"{dialect}, {page}:\n" + "\n".join(plans)


def _cpu(app: Flask, ask: Callable[[], object]) -> float:
    """Milliseconds for one request, of this process and the server's for its connection."""
    backends = _backends(app)
    before = time.process_time() + _spent(backends)
    for _ in range(ROUNDS):
        ask()
    return (time.process_time() + _spent(backends) - before) / ROUNDS * 1000


def _backends(app: Flask) -> list[int]:
    with app.app_context(), db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            return []
        found = connection.exec_driver_sql(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        )
        return [pid for (pid,) in found]


def _spent(pids: list[int]) -> float:
    stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(stat[11]) + int(stat[12]) for stat in stats) / TICKS


def _plan(app: Flask, name: str, sent: list[tuple[str, object]]) -> str:
    """How the database finds the tasks of the page."""
    lists = ("FROM tasks", "FROM task_gitlab_links")
    pages = [one for one in sent if "ORDER BY" in one[0] and any(of in one[0] for of in lists)]
    sql, parameters = pages[0]
    with app.app_context(), db.engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        explain = "EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN (COSTS OFF) "
        plan = connection.exec_driver_sql(explain + sql, parameters).all()
    lines = [str(row[-1]).strip(" ->")[:110] for row in plan]
    steps = [line for line in lines if any(word in line for word in ("Scan", "SCAN", "SEARCH"))]
    return "\n".join([f"  {name}", *(f"      {step}" for step in dict.fromkeys(steps))])
