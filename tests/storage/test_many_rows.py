"""Many rows and values in one parameter are what they would be one by one."""

import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import BigInteger, String, Uuid, select

from gitlab_links.clock import utcnow
from gitlab_links.events.models import Event
from gitlab_links.extensions import db
from gitlab_links.observations.models import GitLabChangeCount
from gitlab_links.storage.database import new_id
from gitlab_links.storage.given_values import given_rows, is_among
from gitlab_links.storage.many_rows import InsertRows, UpdateRows
from gitlab_links.tasks.models import Task
from tests.statements import statements

pytestmark = pytest.mark.differs_by_database

MOMENT = datetime(2026, 5, 1, 12, 30, 15, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))
TEXTS = [
    "",
    "Ærøskøbing \U0001f6a2",
    "'); DROP TABLE events; --",
    '{"a": [1, "\\u0000"]}',
    "%s :x {}",
]


def _row(org, **values):
    return {
        "id": new_id(),
        "org_id": org.id,
        "type": "task.edited",
        "task_id": None,
        "reference": None,
        "confidential": False,
        "actor_kind": "service",
        "cause": None,
        "changes": {},
        "created_at": MOMENT,
        **values,
    }


def test_every_kind_of_value_comes_back_as_it_was_given(app, factory, app_context):
    org, task_id = factory.org(), uuid.uuid4()
    rows = [_row(org, reference=text, changes={text: [None, text, 2**53]}) for text in TEXTS]
    rows.append(_row(org, task_id=task_id, confidential=True, cause={"kind": "webhook"}))
    with statements(app) as sent:
        InsertRows(Event).run(db.session, rows)
    assert len(sent) == 1
    names = list(rows[0])
    found = db.session.execute(select(*(Event.__table__.c[name] for name in names)))
    stored = {row.id: dict(row._mapping) for row in found}
    assert stored == {row["id"]: row for row in rows}
    db.session.rollback()


def test_a_missing_default_is_noticed_before_anything_is_written(factory, app_context):
    row = _row(factory.org())
    del row["changes"]
    with pytest.raises(ValueError, match="changes"):
        InsertRows(Event).run(db.session, [row])


def test_a_row_whose_key_exists_is_changed_and_returned(factory, app_context):
    org = factory.org()
    projects = [factory.gitlab_project(org, path=path) for path in ("acme/one", "acme/two")]
    column = GitLabChangeCount.__table__.c
    add = InsertRows(
        GitLabChangeCount,
        key=("project_id", "day"),
        changed=lambda more: {"by_webhook": column.by_webhook + more.by_webhook},
        returning=(column.project_id, column.by_webhook),
    )
    for times, some in ((1, projects[:1]), (2, projects)):
        rows = [
            {
                "id": new_id(),
                "org_id": org.id,
                "project_id": project.id,
                "day": MOMENT.date(),
                "by_webhook": times,
                "by_sweep": 0,
                "calls": 0,
            }
            for project in some
        ]
        found = {row.project_id: row.by_webhook for row in add.run(db.session, rows)}
    assert found == {projects[0].id: 3, projects[1].id: 2}
    db.session.rollback()


def test_rows_are_changed_by_their_ids_and_others_are_not(factory, app_context):
    org = factory.org()
    tasks = [factory.task(org, title=f"Task {number}") for number in range(3)]
    at = utcnow().astimezone(UTC)
    rows = [
        {"id": task.id, "title": text, "links_changed_at": at}
        for task, text in zip(tasks[:2], ("Ærø", "'"), strict=True)
    ]
    UpdateRows(Task).run(db.session, rows)
    found = db.session.execute(select(Task.title, Task.links_changed_at).order_by(Task.title))
    assert sorted(found.all(), key=str) == sorted(
        [("Ærø", at), ("'", at), ("Task 2", tasks[2].links_changed_at)], key=str
    )
    db.session.rollback()


def test_ids_and_rows_are_found_by_one_parameter_however_many(app, factory, app_context):
    org = factory.org()
    tasks = [factory.task(org, number=number) for number in (1, 2, 3)]
    dialect = db.engine.dialect.name
    types = {"org_id": Uuid(), "number": BigInteger(), "word": String()}
    with statements(app) as sent:
        for some in (tasks[:1], tasks[:2], []):
            ids = [task.id for task in some]
            found = db.session.scalars(select(Task.id).where(is_among(dialect, Task.id, ids)))
            assert sorted(found) == sorted(ids)
        for count in (1, 2):
            given = given_rows(
                dialect,
                [{"org_id": org.id, "number": n, "word": "é"} for n in range(2, 2 + count)],
                types,
            )
            rows = db.session.execute(
                select(Task.number, given.c.word)
                .join(given, (Task.org_id == given.c.org_id) & (Task.number == given.c.number))
                .order_by(Task.number)
            )
            assert rows.all() == [(number, "é") for number in range(2, 2 + count)]
    assert len({text for text, _ in sent}) == 2
    db.session.rollback()
