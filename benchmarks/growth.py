"""The same work beside few and beside very many stored rows, on both databases."""

import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask
from sqlalchemy import text

from benchmarks.lists import KEY, read_links
from benchmarks.report import Result, Row
from benchmarks.seeds import WEBHOOK_SECRET, World, make_org, make_stored_world
from benchmarks.stage import TTL, Stage
from benchmarks.webhooks import issue_event
from gitlab_links.clock import utcnow
from gitlab_links.deliveries.intake import accept
from gitlab_links.extensions import db
from gitlab_links.http.transactions import single_write
from gitlab_links.jobs.drains import drain_slice
from gitlab_links.jobs.sweeps import sweep
from gitlab_links.sync.due_items import next_batches
from tests.statements import statements

SIZES = {"postgresql": (1_000, 10_000, 100_000, 1_000_000), "sqlite": (1_000, 100_000, 1_000_000)}
ITEMS = 200_000
LIMIT = 1.3
BATCH = 100
REPEATS = 15


@dataclass(frozen=True, slots=True)
class Work:
    """What is timed; ``run`` takes the application and the world."""

    name: str
    run: Callable[[World], object]


def run(stage: Stage) -> Result:
    """Wall time, as it is the database's work that would grow."""
    rows: list[Row] = []
    notes: list[str] = []
    for dialect, sizes in SIZES.items():
        app = stage.make_app(stage.new_database(dialect))
        base_url = stage.gitlab_url
        world = make_stored_world(app, f"growth-{dialect}", base_url)
        other, _, _ = make_org(app, f"growth-other-{dialect}", base_url)
        times: dict[str, list[float]] = {work.name: [] for work in WORKS}
        stored = 0
        for size in sizes:
            _grow(app, world.org_id, stored, size)
            if size == sizes[-1]:
                _add_items(app, other, base_url)
            stored = size
            stage.redis.flushdb()
            for work in WORKS:
                times[work.name].append(_time(world, work))
        rows += [_row(dialect, name, sizes, values) for name, values in times.items()]
        notes.append(_plans(dialect, world))
    return Result(rows, "\n\n".join(notes))


def _accept(world: World) -> None:
    with world.app.app_context():
        for _ in range(20):
            headers = {"X-Gitlab-Token": WEBHOOK_SECRET, "Idempotency-Key": str(uuid.uuid4())}
            with single_write() as connection:
                accept(connection, world.org_id, headers, _body(world))


def _body(world: World) -> bytes:
    return issue_event(world.items[0], "Title", utcnow())


def _accept_batch_and_drain(world: World) -> float:
    with world.app.app_context():
        for number in range(BATCH):
            headers = {"X-Gitlab-Token": WEBHOOK_SECRET, "Idempotency-Key": str(uuid.uuid4())}
            item = world.items[number % len(world.items)]
            with single_write() as connection:
                accept(connection, world.org_id, headers, issue_event(item, "Title", utcnow()))
        started = time.perf_counter()
        drain_slice(world.org_id)
        return time.perf_counter() - started


def _scan(world: World) -> None:
    with world.app.app_context():
        sweep()
        next_batches(world.org_id, "https://no.example.com", now=utcnow(), ttl=TTL, limit=4)
        db.session.rollback()


def _list(world: World) -> None:
    read_links(world, KEY)


WORKS = (
    Work("accept 20 webhooks", _accept),
    Work("drain 100 deliveries", _accept_batch_and_drain),
    Work("look for due work", _scan),
    Work("list 20 links", _list),
)


def _time(world: World, work: Work) -> float:
    """The quickest of some runs: what else the machine does is not the size's doing."""
    taken = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        told = work.run(world)
        taken.append(told if isinstance(told, float) else time.perf_counter() - started)
    return min(taken) * 1000


def _row(dialect: str, name: str, sizes: tuple[int, ...], values: list[float]) -> Row:
    ratio = values[-1] / values[0]
    return Row(
        f"{dialect}: {name}",
        " ".join(f"{value:.1f}" for value in values) + " ms",
        "at " + " ".join(f"{size:,}" for size in sizes),
        ratio,
        f"<= {LIMIT:g}x",
        ratio <= LIMIT,
    )


def _grow(app: Flask, org_id: uuid.UUID, stored: int, size: int) -> None:
    """Finished deliveries whose bodies are gone already, as old ones are."""
    with app.app_context(), db.engine.begin() as connection:
        sql = _GROW[connection.dialect.name]
        parameters = {
            "org": _stored(connection.dialect.name, org_id),
            "first": stored,
            "last": size,
        }
        connection.execute(text(sql), parameters)
    _analyze(app)


def _add_items(app: Flask, org_id: uuid.UUID, base_url: str) -> None:
    with app.app_context(), db.engine.begin() as connection:
        dialect = connection.dialect.name
        project = uuid.uuid4()
        connection.execute(
            text(
                "INSERT INTO gitlab_projects (id, org_id, base_url, gitlab_id, path, path_key,"
                " created_at) VALUES (:id, :org, :url, 999999, 'many', 'many', :now)"
            ),
            {
                "id": _stored(dialect, project),
                "org": _stored(dialect, org_id),
                "url": base_url,
                "now": "2026-01-01 00:00:00+00:00",
            },
        )
        connection.execute(
            text(_ITEMS[dialect]),
            {
                "org": _stored(dialect, org_id),
                "project": _stored(dialect, project),
                "last": ITEMS,
            },
        )
    _analyze(app)


def _stored(dialect: str, value: uuid.UUID) -> str:
    return value.hex if dialect == "sqlite" else str(value)


def _analyze(app: Flask) -> None:
    with app.app_context(), db.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        sqlite = connection.dialect.name == "sqlite"
        connection.exec_driver_sql("ANALYZE" if sqlite else "VACUUM ANALYZE")


def _plans(dialect: str, world: World) -> str:
    """How the database finds what the works ask for, at the largest size."""
    with statements(world.app) as seen:
        _scan(world)
        _list(world)
        _accept(world)
        _accept_batch_and_drain(world)
    lines = [f"{dialect}, with {SIZES[dialect][-1]:,} deliveries and {ITEMS:,} items:"]
    explain = "EXPLAIN QUERY PLAN " if dialect == "sqlite" else "EXPLAIN (COSTS OFF) "
    told: set[str] = set()
    with world.app.app_context(), db.engine.connect() as connection:
        for sql, parameters in seen:
            if not sql.startswith("SELECT") or sql in told:
                continue
            told.add(sql)
            plan = connection.exec_driver_sql(explain + sql, parameters).all()
            found = [_short(str(row[-1])) for row in plan if _finds(str(row[-1]))]
            lines += [f"  {_subject(sql)}", *(f"      {line}" for line in dict.fromkeys(found))]
    return "\n".join(dict.fromkeys(lines))


def _subject(sql: str) -> str:
    words = sql[sql.index("FROM") :].split()
    return " ".join(words)[:90]


def _short(line: str) -> str:
    """Without the values, which differ from run to run."""
    return re.sub(r"'[^']*'(::\w+( \w+)*)?|\([^()]*::[^()]*\)", "?", line.strip(" ->"))[:110]


def _finds(line: str) -> bool:
    return any(word in line for word in ("Scan", "SCAN gitlab", "SCAN task", "SEARCH"))


_COLUMNS = (
    "id, org_id, status, attempts, event, received_at, processed_at, links_matched, size_bytes,"
    " payload_sha256, headers, dedupe_key"
)
_GROW = {
    "postgresql": f"""INSERT INTO gitlab_webhook_deliveries ({_COLUMNS})
        SELECT (lpad(to_hex(1700000000000 + n), 12, '0') || '7' || substr(md5(n::text), 1, 3)
                || '8' || substr(md5(n::text), 4, 15))::uuid,
               CAST(:org AS uuid), 'processed', 1, 'Issue Hook', now() - interval '8 days',
               now() - interval '8 days', 1, 6144, md5(n::text), '{{}}', md5(n::text)
        FROM generate_series(CAST(:first AS bigint) + 1, CAST(:last AS bigint)) AS n""",
    "sqlite": f"""INSERT INTO gitlab_webhook_deliveries ({_COLUMNS})
        WITH RECURSIVE series(n) AS
            (SELECT :first + 1 UNION ALL SELECT n + 1 FROM series WHERE n < :last)
        SELECT printf('%012x7%03x8%015x', 1700000000000 + n, n % 4096, n), :org, 'processed', 1,
               'Issue Hook', '2026-01-01 00:00:00.000000', '2026-01-01 00:00:00.000000', 1, 6144,
               printf('%064x', n), '{{}}', printf('%032x', n)
        FROM series""",
}
_ITEM_COLUMNS = (
    "id, org_id, project_id, type, iid, title, state, draft, confidential, labels, assignees,"
    " reviewers, last_synced_at, next_sync_at, detail_wanted, failures, changed_at"
)
_ITEMS = {
    "postgresql": f"""INSERT INTO gitlab_items ({_ITEM_COLUMNS})
        SELECT (lpad(to_hex(1700000000000 + n), 12, '0') || '7' || substr(md5(n::text), 1, 3)
                || '8' || substr(md5(n::text), 4, 15))::uuid,
               CAST(:org AS uuid), CAST(:project AS uuid), 'issue', n, 'Title', 'opened',
               false, false, '[]', '[]', '[]', now(), now() + interval '1 hour', false, 0, now()
        FROM generate_series(1, CAST(:last AS bigint)) AS n""",
    "sqlite": f"""INSERT INTO gitlab_items ({_ITEM_COLUMNS})
        WITH RECURSIVE series(n) AS
            (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < :last)
        SELECT printf('%012x7%03x8%015x', 1700000000000 + n, n % 4096, n), :org, :project, 'issue',
               n, 'Title', 'opened', 0, 0, '[]', '[]', '[]', '2026-01-01 00:00:00.000000',
               '2999-01-01 00:00:00.000000', 0, 0, '2026-01-01 00:00:00.000000'
        FROM series""",
}
