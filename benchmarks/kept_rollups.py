"""What it would cost to keep roll-ups in rows of their own, beside deriving them (docs/adr)."""

import time
import uuid
from collections.abc import Callable

from flask import Flask
from sqlalchemy import Connection, text

from benchmarks.report import Row
from gitlab_links.extensions import db

BATCH = 100
ROUNDS = 10

# Of the states of a task's links: what the filter "failing" reads, for each of its tasks.
_DERIVE = """
    SELECT l.task_id, count(*) AS links,
           sum(CASE WHEN i.state = 'merged' THEN 1 ELSE 0 END) AS merged,
           sum(CASE WHEN i.state = 'opened' AND i.pipeline_status = 'failed'
               THEN 1 ELSE 0 END) AS failing,
           sum(CASE WHEN i.state = 'opened' AND i.merge_status = 'conflict'
               THEN 1 ELSE 0 END) AS conflicts,
           min(CASE WHEN i.state = 'opened' THEN i.due_date END) AS due,
           max(i.source_updated_at) AS active_at
    FROM task_gitlab_links l JOIN gitlab_items i ON i.id = l.item_id
    {where} GROUP BY l.task_id"""
_CHANGED = """WHERE l.task_id IN (
    SELECT task_id FROM task_gitlab_links WHERE item_id IN (
        SELECT id FROM gitlab_items WHERE org_id = :org ORDER BY id LIMIT :size OFFSET :first))"""
_LIST = """SELECT task_id FROM kept_rollups WHERE org_id = :org AND failing > 0
    ORDER BY task_id DESC LIMIT 25"""


def measure(app: Flask, org_id: uuid.UUID) -> list[Row]:
    """Wall time in the database: reading a page by a kept column, and keeping it."""
    with app.app_context(), db.engine.begin() as connection:
        dialect = connection.dialect.name
        org = org_id.hex if dialect == "sqlite" else org_id
        derived = _DERIVE.format(where="WHERE l.org_id = :org")
        connection.execute(text("DROP TABLE IF EXISTS kept_rollups"))
        connection.execute(
            text(f"CREATE TABLE kept_rollups AS SELECT t.org_id, d.* FROM ({derived}) d"
                 " JOIN tasks t ON t.id = d.task_id"), {"org": org},
        )  # fmt: skip
        for index in ("UNIQUE INDEX kept_1 ON kept_rollups (task_id)",
                      "INDEX kept_2 ON kept_rollups (org_id, task_id) WHERE failing > 0",
                      "INDEX kept_3 ON kept_rollups (org_id, active_at)"):  # fmt: skip
            connection.execute(text(f"CREATE {index}"))
        page = _milliseconds(lambda _: connection.execute(text(_LIST), {"org": org}).all())
        keep = _milliseconds(lambda number: _keep(connection, org, number * BATCH))
        connection.execute(text("DROP TABLE kept_rollups"))
    return [
        Row(f"{dialect}: kept instead, a page of failing ones in the database", f"{page:.1f} ms"),
        Row(f"{dialect}: keeping it, for a batch of {BATCH} items that changed", f"{keep:.1f} ms"),
    ]


def _keep(connection: Connection, org: object, first: int) -> None:
    rows = connection.execute(
        text(_DERIVE.format(where=_CHANGED)), {"org": org, "size": BATCH, "first": first}
    ).mappings()
    connection.execute(
        text(
            "UPDATE kept_rollups SET links = :links, merged = :merged, failing = :failing + 1,"
            " conflicts = :conflicts, due = :due, active_at = :active_at WHERE task_id = :task_id"
        ),
        [dict(row) for row in rows],
    )


def _milliseconds(run: Callable[[int], object]) -> float:
    started = time.perf_counter()
    for number in range(ROUNDS):
        run(number)
    return (time.perf_counter() - started) / ROUNDS * 1000
