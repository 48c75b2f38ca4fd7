"""Numbers and times that no column and no reader is made for, from bodies, answers and headers:
they are stored and read again, whatever time zone the servers are in.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from flask import Flask, Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import make_url, text

from gitlab_links.extensions import db
from gitlab_links.jobs.health_checks import find_due_checks, request_check, run_checks
from gitlab_links.ops.command import examine
from tests.factories import Factory
from tests.gitlab import bodies
from tests.jobs.conftest import Connected

pytestmark = pytest.mark.slow

SECRET = "secret-of-the-tests"
ZONES = ("UTC", "Europe/Berlin", "America/New_York")
NUMBERS = st.sampled_from(
    [0, -1, 1, 2**31 - 1, 2**31, 10**10, 2**63 - 1, 2**63, 10**90, 1e308, -1e308, 0.5]
) | st.integers(-(2**65), 2**65)
TIMES = st.sampled_from(
    [
        *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000+14:00", "0000-00-00 00:00:00 UTC"),
        *("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59-12:00", "9999-12-31 23:59:59 UTC"),
        *("1883-11-18T12:03:57Z", "0999-12-31T23:59:59-05:00", "0001-01-01", "9999-12-31"),
    ]
) | st.datetimes().map(lambda moment: moment.isoformat() + "Z")
HEADERS = st.sampled_from(
    ["0", "10000000000", "9" * 12, "9" * 39, "253402300799", "253402300800", "4102444800", "-1"]
) | st.integers(0, 10**14).map(str)
drive = settings(
    max_examples=10,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# Ids that lead to the item: with others nothing is stored.
KEPT = frozenset({"iid", "id", "project_id", "target_project_id"})
# An item that was created at another time is another item, which its link then says.
IDENTITY = KEPT | {"created_at"}


@dataclass
class Odd:
    """Changes some numbers and times of a body; may be asked by several threads."""

    numbers: list[Any]
    times: list[Any]
    headers: list[str]
    random: Random

    def body(self, value: Any, kept: frozenset[str] = KEPT) -> Any:
        if isinstance(value, dict):
            return {key: one if key in kept else self.body(one, kept) for key, one in value.items()}
        if isinstance(value, list):
            return [self.body(one, kept) for one in value]
        if isinstance(value, bool) or self.random.random() < 0.4:
            return value
        if isinstance(value, int):
            return self.random.choice(self.numbers)
        if value is None or (isinstance(value, str) and value[:2] in {"20", "19"}):
            return self.random.choice(self.times + self.numbers[:1])
        return value

    def header(self) -> str:
        return self.random.choice(self.headers)


ODD = st.builds(
    Odd,
    numbers=st.lists(NUMBERS, min_size=3, max_size=8),
    times=st.lists(TIMES, min_size=3, max_size=8),
    headers=st.lists(HEADERS, min_size=3, max_size=8),
    random=st.integers(0, 2**32).map(Random),
)


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest, app: Flask) -> Iterator[str]:
    """The time zone of the machine, and on PostgreSQL of new sessions as well."""
    with pytest.MonkeyPatch.context() as patch, app.app_context():
        patch.setitem(os.environ, "TZ", request.param)
        time.tzset()
        _set_zone(f"SET timezone = '{request.param}'")
        yield request.param
        _set_zone("RESET timezone")
    time.tzset()


def _set_zone(change: str) -> None:
    if db.engine.dialect.name == "postgresql":
        name = make_url(db.engine.url).database
        with db.engine.begin() as connection:
            connection.execute(text(f'ALTER DATABASE "{name}" {change}'))
    db.engine.dispose()


@pytest.fixture
def reads(app: Flask, connected: Connected, caplog: pytest.LogCaptureFixture) -> Callable[[], None]:
    """All who read what was stored: API, health page, doctor, figures, and the jobs over all."""
    key = {"Authorization": f"Bearer {connected.factory.api_key(connected.org)}"}
    base = f"/api/orgs/{connected.org.id}"

    def read() -> None:
        client = app.test_client()
        for task in connected.tasks.values():
            assert client.get(f"{base}/tasks/{task}/gitlab-links", headers=key).status_code == 200
        for path in ("gitlab-links", "integrations/gitlab", "integrations/gitlab/health"):
            answer = client.get(f"{base}/{path}", headers=key)
            assert answer.status_code == 200, (path, answer.text)
        path = f"{base}/gitlab-links?limit=1&sort=gitlab_updated_at"
        for _ in connected.tasks:
            page = client.get(path, headers=key)
            assert page.status_code == 200, page.text
            path = f"{base}/gitlab-links?limit=1&cursor={page.json['next_cursor']}"
        assert page.json["next_cursor"] is None
        assert not [one for one in examine() if "cannot be examined" in one.message]
        find_due_checks()
        assert "job.step_failed" not in caplog.text

    return read


def test_bodies(zone: str, app: Flask, connected: Connected, factory: Factory, reads: Any) -> None:
    factory.connect(connected.org, webhook_secret=SECRET)
    project = connected.project()
    connected.link(connected.issue(project))
    connected.link(connected.merge_request(project))
    connected.fetch()
    here = {"id": project.id, "path_with_namespace": project.path}
    url = f"/api/orgs/{connected.org.id}/integrations/gitlab/webhook"

    @drive
    @given(ODD)
    def take(odd: Odd) -> None:
        for make in (bodies.issue, bodies.merge_request):
            body = make(project=here, attributes={"iid": 1, "target_project_id": project.id})
            sent = json.dumps(odd.body(body)).encode()
            headers = {"X-Gitlab-Token": SECRET, "Content-Type": "application/json"}
            assert app.test_client().post(url, data=sent, headers=headers).status_code == 202
        connected.drain()
        reads()

    take()


def test_answers_and_their_headers(zone: str, connected: Connected, reads: Any) -> None:
    project = connected.project()
    links = [connected.link(connected.issue(project)), connected.link(connected.issue(project))]
    links.append(connected.link(connected.merge_request(project)))
    names = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Observed")

    @drive
    @given(ODD)
    def ask(odd: Odd) -> None:
        def rewrite(response: Response) -> None:
            response.set_data(json.dumps(odd.body(response.get_json(), IDENTITY)))
            response.headers.update({name: odd.header() for name in names})

        connected.gitlab.state.faults.clear()
        connected.make_due()
        connected.gitlab.state.faults.rewrite = rewrite
        connected.fetch()
        request_check(connected.org.id)
        run_checks(connected.org.id)
        reads()

    ask()
    connected.gitlab.state.faults.clear()
    connected.make_due()
    connected.fetch()
    assert [connected.view(link).sync.error_code for link in links] == [None] * 3
