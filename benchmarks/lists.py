"""Listing links: by session, by API key, stale, on a page; beside one SELECT by hand."""

import json
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Flask, Response
from sqlalchemy import select

from benchmarks.inprocess import cpu_of, get
from benchmarks.load import send
from benchmarks.report import Result, Row, at_most, median
from benchmarks.seeds import World, make_stale, make_world
from benchmarks.stage import Stage
from gitlab_links.extensions import db
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from tests.statements import statements

ROUNDS = 150
SIZES = (1, 20, 200)
PAGE = 200
SESSION, KEY = "session", "key"


def run(stage: Stage) -> Result:
    """CPU within this process, in turns; the number of statements beside it."""
    worlds = {
        size: make_world(stage, f"lists-{size}", projects=1, issues=size, links_per_task=size)
        for size in SIZES
    }
    floor = _create_floor(stage.database_url)
    rows: list[Row] = []
    for size, world in worlds.items():
        rows += _listing(floor, world, size)
    rows += _page(stage.app, worlds[20])
    rows += _stale(stage, worlds[200])
    rows += _rate(stage, worlds[200])
    return Result(rows)


def _listing(floor: Flask, world: World, size: int) -> list[Row]:
    task = world.task_ids[0]
    cpu = cpu_of(
        {
            "floor": lambda: json.loads(get(floor, f"/links/{task}")),
            SESSION: lambda: read_links(world, SESSION),
            KEY: lambda: read_links(world, KEY),
        },
        ROUNDS if size < 200 else ROUNDS // 3,
    )
    counts = {
        how: _count(world.app, lambda how=how: read_links(world, how)) for how in (SESSION, KEY)
    }
    pages = -(-size // PAGE)
    what = f"{size} links" + (f" ({pages} pages)" if pages > 1 else "")
    key = cpu[KEY] / cpu[SESSION]
    return [
        at_most(f"{what}, session", cpu[SESSION], cpu["floor"], 2.0, "ms"),
        at_most(f"{what}, API key", cpu[KEY], cpu["floor"], 2.0, "ms"),
        Row(
            f"{what}, API key beside session",
            f"{cpu[KEY]:.2f} ms",
            f"{cpu[SESSION]:.2f} ms",
            key,
            "<= 1x",
            key <= 1.02,
        ),
        Row(
            f"{what}, statements a page by session and key",
            f"{counts[SESSION] // pages} and {counts[KEY] // pages}",
        ),
    ]


def read_links(world: World, how: str, task: int = 0) -> int:
    """Read all pages of a task's links; gives their number."""
    path = f"/api/orgs/{world.org_id}/tasks/{world.task_ids[task]}/gitlab-links"
    headers = (
        {"cookie": f"session={world.cookie}"}
        if how == SESSION
        else {"authorization": f"Bearer {world.api_key}"}
    )
    found, cursor = 0, None
    while True:
        query = f"limit={PAGE}" + (f"&cursor={cursor}" if cursor else "")
        answer = json.loads(get(world.app, path, query, **headers))
        found += len(answer["links"])
        cursor = answer["next_cursor"]
        if cursor is None:
            return found


def _count(app: Flask, run: Callable[[], object]) -> int:
    with statements(app) as seen:
        run()
    return len(seen)


def _page(app: Flask, world: World) -> list[Row]:
    path = f"/orgs/{world.org_id}/tasks/{world.task_ids[0]}"
    cookie = f"session={world.cookie}"
    cpu = cpu_of(
        {
            "api": lambda: read_links(world, SESSION),
            "page": lambda: get(app, path, cookie=cookie),
        },
        ROUNDS,
    )
    count = _count(app, lambda: get(app, path, cookie=cookie))
    return [
        at_most("task page with 20 links", cpu["page"], cpu["api"], 2.5, "ms"),
        Row("task page with 20 links, statements", str(count)),
    ]


def _stale(stage: Stage, world: World) -> list[Row]:
    fresh = cpu_of({"fresh": lambda: read_links(world, KEY)}, ROUNDS // 3)["fresh"]
    make_stale(world)
    stage.redis.flushdb()
    stale = cpu_of({"stale": lambda: read_links(world, KEY)}, ROUNDS // 3)["stale"]
    with statements(world.app) as seen:
        read_links(world, KEY)
    writes = [text for text, _ in seen if not text.lstrip().upper().startswith("SELECT")]
    return [
        at_most("200 stale links beside fresh ones", stale, fresh, 1.3, "ms"),
        Row("200 stale links, writes", str(len(writes)), target="0", met=not writes),
    ]


def _rate(stage: Stage, world: World) -> list[Row]:
    """How many pages a gunicorn answers, with what its server and the load cost beside them."""
    path = f"/api/orgs/{world.org_id}/tasks/{world.task_ids[0]}/gitlab-links?limit={PAGE}"
    request = f"GET {path} HTTP/1.1\r\nHost: a\r\nCookie: session={world.cookie}\r\n\r\n".encode()
    web = stage.start_web()
    send(web.port, [request] * ROUNDS, keep_alive=True)
    rates = [send(web.port, [request] * ROUNDS, keep_alive=True).per_second for _ in range(5)]
    stage.stop(web.child)
    rate = median(rates)
    return [Row("200 links, session: pages/s", f"{rate:.0f}/s", target=">= 150/s", met=rate >= 150)]


def _create_floor(database_url: str) -> Flask:
    floor = Flask("floor")
    floor.config["SQLALCHEMY_DATABASE_URI"] = database_url
    db.init_app(floor)
    floor.get("/links/<uuid:task_id>")(_links_by_hand)
    return floor


_ROWS = (
    select(
        *TaskGitLabLink.__table__.c,
        *(column.label(f"item_{column.name}") for column in GitLabItem.__table__.c),
        GitLabProject.path,
        GitLabProject.base_url,
    )
    .join(GitLabItem, GitLabItem.id == TaskGitLabLink.item_id)
    .join(GitLabProject, GitLabProject.id == GitLabItem.project_id)
    .order_by(TaskGitLabLink.id)
)


def _links_by_hand(task_id: uuid.UUID) -> Response:
    """The same fields, without looking at who asks or how fresh they are."""
    rows = db.session.execute(_ROWS.where(TaskGitLabLink.task_id == task_id)).all()
    text = json.dumps({"links": [_by_hand(row) for row in rows], "next_cursor": None})
    return Response(text, content_type="application/json")


def _by_hand(row: Any) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "task_id": str(row.task_id),
        "url": f"{row.base_url}/{row.path}/-/issues/{row.item_iid}",
        "project_path": row.path,
        "gitlab_type": row.item_type,
        "gitlab_iid": row.item_iid,
        "reference": f"{row.path}#{row.item_iid}",
        "title": row.item_title,
        "state": row.item_state,
        "draft": row.item_draft,
        "confidential": row.item_confidential,
        "labels": row.item_labels,
        "assignees": row.item_assignees,
        "reviewers": row.item_reviewers,
        "author": row.item_author,
        "milestone": row.item_milestone,
        "due_date": row.item_due_date and row.item_due_date.isoformat(),
        "merge_status": row.item_merge_status,
        "pipeline_status": row.item_pipeline_status,
        "gitlab_created_at": _text(row.item_gitlab_created_at),
        "gitlab_updated_at": _text(row.item_source_updated_at),
        "closed_at": _text(row.item_closed_at),
        "merged_at": _text(row.item_merged_at),
        "created_at": _text(row.created_at),
        "sync": {
            "last_synced_at": _text(row.item_last_synced_at),
            "next_sync_at": _text(row.item_next_sync_at),
            "error_code": row.item_error_code,
        },
    }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
