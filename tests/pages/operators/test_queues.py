"""rq-dashboard: for whom, from where, and what it must never do."""

import json
import pickle
import re
import time
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from gitlab_links.local.services import python
from gitlab_links.local.supervisor import Supervisor
from tests.api.callers import Caller, browser, nobody, program
from tests.factories import Factory
from tests.hanging import HANGS
from tests.pages.conftest import As
from tests.pages.markup import text_of

HERE = {"Origin": "http://localhost"}
FAILED = "/ops/rq/0/data/jobs/deliveries/failed/8/asc/1.json"


@pytest.fixture
def admin(acting: As) -> Caller:
    return acting(Role.ADMIN)


@pytest.fixture
def queue(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> Queue:
    """A queue with a job that failed, one that is done, and two that wait."""
    queue = Queue("deliveries", connection=redis, serializer=JSONSerializer)
    queue.enqueue("operator.truediv", 1, 0, job_id="broken")
    queue.enqueue("operator.truediv", 1, 2, job_id="done")
    worker = SimpleWorker([queue], connection=redis, serializer=JSONSerializer)
    monkeypatch.setattr(worker, "subscribe", lambda: None)  # its thread takes a second to end
    worker.work(burst=True, logging_level="ERROR")
    for name in ("first", "second"):
        queue.enqueue("operator.truediv", 1, 1, job_id=name)
    return queue


def test_where_no_operator_is_named_an_admin_of_every_org_sees_the_queues(
    app: Flask, acting: As, factory: Factory, org: Org
) -> None:
    for role in (Role.PM, Role.MEMBER, Role.CLIENT):
        assert acting(role).get("/ops/rq/").status_code == 403
    assert nobody(app).get("/ops/rq/").status_code == 302
    assert program(app, factory.api_key(org)).get("/ops/rq/").status_code == 401
    user = factory.user()
    factory.membership(org, Role.ADMIN, user)
    assert browser(app, user.id).get("/ops/rq/").status_code == 200
    second = factory.org()
    refused = browser(app, user.id).get("/ops/rq/")
    assert refused.status_code == 403
    assert "Only an operator may open them" in text_of(refused)
    factory.membership(second, Role.ADMIN, user)
    assert browser(app, user.id).get("/ops/rq/").status_code == 200


@pytest.mark.parametrize(
    "path",
    ["", "0/view/workers", "0/view/jobs", "0/view/job/broken",
     "0/view/jobs/deliveries/failed/8/asc/1", "0/data/queues.json", "0/data/workers.json",
     "0/data/job/broken.json", "0/data/job/done.json", "0/data/job/first.json",
     "0/data/jobs/deliveries/finished/8/asc/1.json", "0/data/jobs/deliveries/queued/8/dsc/1.json",
     "favicon.ico", "static/css/main.css"],
)  # fmt: skip
def test_every_page_of_it_opens(admin: Caller, queue: Queue, path: str) -> None:
    assert admin.get(f"/ops/rq/{path}").status_code == 200


@pytest.mark.parametrize(
    "path",
    ["0/view/job/nothing", "0/data/job/nothing.json", "0/data/jobs/deliveries/x/8/asc/1.json",
     "0/data/jobs/deliveries/failed/x/asc/1.json", "7/view/queues", "nothing", "static/nothing"],
)  # fmt: skip
def test_what_is_not_there_is_not_found(admin: Caller, queue: Queue, path: str) -> None:
    assert admin.get(f"/ops/rq/{path}").status_code == 404


def test_failed_jobs_are_shown_with_their_reason(admin: Caller, queue: Queue) -> None:
    (job,) = json.loads(admin.get(FAILED).data)["jobs"]
    assert job["id"] == "broken"
    assert "ZeroDivisionError" in job["exc_info"]


BUSY = """
import sys
from redis import Redis
from rq import SimpleWorker
from rq.serializers import JSONSerializer
SimpleWorker(["slow"], connection=Redis.from_url(sys.argv[1]), serializer=JSONSerializer).work()
"""


def test_a_busy_worker_is_shown(
    admin: Caller, redis: Redis, redis_url: str, processes: Supervisor
) -> None:
    slow = Queue("slow", connection=redis, serializer=JSONSerializer)
    slow.enqueue("time.sleep", 30, job_id="long")
    busy = processes.start("busy", python("-c", BUSY, redis_url))
    deadline = time.monotonic() + HANGS
    while time.monotonic() < deadline:
        workers = json.loads(admin.get("/ops/rq/0/data/workers.json").data)["workers"]
        if workers and workers[0]["current_job"] != "idle":
            break
        time.sleep(0.1)
    processes.kill(busy)  # which would first bring its job to its end
    assert [worker["current_job"]["job_id"] for worker in workers] == ["long"]


def test_a_job_can_be_requeued_from_its_page(admin: Caller, queue: Queue) -> None:
    answer = admin.post("/ops/rq/job/broken/requeue", headers=HERE)
    assert answer.status_code == 200
    assert "broken" in queue.get_job_ids()


def test_every_page_of_it_has_a_way_back(admin: Caller, queue: Queue) -> None:
    for path in ("", "0/view/workers", "0/view/jobs", "0/view/job/broken"):
        page = admin.get(f"/ops/rq/{path}").text
        assert '<a href="/">Back to the tasks</a>' in page
        sheet = re.search(r'<link rel="stylesheet" href="(/static/[^"]+/queues.css)">', page)
        assert sheet is not None
        assert admin.get(sheet.group(1)).status_code == 200


def test_the_script_of_the_page_gets_the_token_and_may_run(
    app: Flask, admin: Caller, queue: Queue
) -> None:
    page = admin.get("/ops/rq/0/view/jobs/deliveries/failed/8/asc/1")
    policy = page.headers["Content-Security-Policy"]
    nonce = re.search(r"'nonce-([^']+)'", policy)
    assert nonce is not None
    assert f'<script nonce="{nonce.group(1)}">' in page.text
    assert '<script type="text/javascript">' not in page.text
    cookie = admin.client.get_cookie("_csrf_token", path="/ops/rq")
    assert cookie is not None
    as_script = Caller(admin.client, {"X-CSRFToken": cookie.value, **HERE})
    assert as_script.post("/ops/rq/job/broken/delete").status_code == 200
    assert not Job.exists("broken", connection=queue.connection)


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "https://evil.example"}, {"Origin": "null"},
     {"Origin": "http://localhost.evil.example"}, {**HERE, "Sec-Fetch-Site": "cross-site"}],
    ids=range(5),
)  # fmt: skip
def test_other_sites_change_nothing(admin: Caller, queue: Queue, headers: dict[str, str]) -> None:
    for path in ("queue/deliveries/queued/empty", "requeue/deliveries", "job/first/delete"):
        assert admin.post(f"/ops/rq/{path}", headers=headers).status_code == 403
    assert queue.get_job_ids() == ["first", "second"]


def test_without_the_token_nothing_is_changed(
    app: Flask, factory: Factory, org: Org, queue: Queue
) -> None:
    user_id = factory.membership(org, Role.ADMIN).user_id
    forged = browser(app, user_id, csrf=False)
    assert forged.post("/ops/rq/job/first/delete", headers=HERE).status_code == 403
    assert queue.get_job_ids() == ["first", "second"]


@pytest.mark.parametrize("path", ["requeue/deliveries", "job/broken/requeue", "queue/x/compact"])
def test_a_get_changes_nothing(admin: Caller, queue: Queue, path: str) -> None:
    assert admin.get(f"/ops/rq/{path}").status_code == 302
    assert queue.get_job_ids() == ["first", "second"]


class Bomb:
    """Goes off when it is unpickled."""

    exploded = False

    def __reduce__(self) -> Any:
        return setattr, (Bomb, "exploded", True)


def test_a_planted_pickle_is_never_opened(admin: Caller, queue: Queue, redis: Redis) -> None:
    redis.hset("rq:job:first", "data", pickle.dumps(Bomb()))
    redis.hset("rq:job:first", "meta", pickle.dumps(Bomb()))
    for path in ("0/view/job/first", "0/data/job/first.json", "0/data/workers.json",
                 "0/data/jobs/deliveries/queued/8/asc/1.json"):  # fmt: skip
        admin.get(f"/ops/rq/{path}")
    assert not Bomb.exploded


def test_without_redis_it_says_so(app: Flask, admin: Caller, make_app: Any) -> None:
    other = make_app(redis_url="redis://127.0.0.1:1/0")
    elsewhere = Caller(other.test_client(), admin.headers)
    elsewhere.client._cookies = admin.client._cookies
    answer = elsewhere.get("/ops/rq/0/data/queues.json")
    assert answer.status_code == 503
