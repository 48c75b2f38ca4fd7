"""A slow GitLab of one org holds few threads, and none that others need."""

import threading
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count

import pytest
from flask import Flask

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.http import gitlab_waits
from gitlab_links.http.gitlab_waits import (
    WAITING_REQUESTS,
    GitLabAskedAlready,
    NoPlaceToWait,
    waiting_for_gitlab,
)
from tests.api.callers import browser, program
from tests.conftest import GITLAB_TOKEN
from tests.factories import Factory
from tests.hanging import HANGS


@pytest.fixture
def org(factory: Factory, gitlab: SimulatedGitLab) -> Org:
    org = factory.org()
    factory.connect(org, base_url=gitlab.url, token=GITLAB_TOKEN)
    return org


def test_of_an_org_one_request_waits(app_context: Flask) -> None:
    org_id = uuid.uuid4()
    with (
        waiting_for_gitlab(org_id),
        pytest.raises(GitLabAskedAlready) as refusal,
        waiting_for_gitlab(org_id),
    ):
        pass
    assert refusal.value.retry_after
    with waiting_for_gitlab(org_id):
        pass


def test_other_processes_count_too(app_context: Flask, redis: object) -> None:
    org_id = uuid.uuid4()
    with waiting_for_gitlab(org_id):
        gitlab_waits._waiting.clear()  # as in another process
        with pytest.raises(GitLabAskedAlready), waiting_for_gitlab(org_id):
            pass


def test_all_orgs_together_have_a_small_share(app_context: Flask) -> None:
    with ExitStack() as waiting:
        for _ in range(WAITING_REQUESTS):
            waiting.enter_context(waiting_for_gitlab(uuid.uuid4()))
        with pytest.raises(NoPlaceToWait), waiting_for_gitlab(uuid.uuid4()):
            pass
    with waiting_for_gitlab(uuid.uuid4()):
        pass


def test_20_validations_of_a_slow_gitlab_take_one_thread(
    app: Flask, factory: Factory, gitlab: SimulatedGitLab, org: Org
) -> None:
    """GitLab answers only when the 19 others are refused: if one waited, it would take too long."""
    refused, all_are_refused = count(1), threading.Event()
    gitlab.state.faults.rewrite = lambda _: all_are_refused.wait(HANGS) and None
    caller_key, path = factory.api_key(org), f"/api/orgs/{org.id}/integrations/gitlab/validate"

    def validate(_: int) -> int:
        status = program(app, caller_key).post(path).status_code
        if status == 429 and next(refused) == 19:
            all_are_refused.set()
        return status

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(validate, range(20)))
    assert Counter(statuses) == {200: 1, 429: 19}


@pytest.mark.slow  # it waits for two calls of five seconds
def test_validating_takes_no_longer_than_one_call_may(
    app: Flask, factory: Factory, gitlab: SimulatedGitLab, org: Org
) -> None:
    gitlab.state.faults.latency = 2.6  # of the 5 seconds that a call may take
    answer = program(app, factory.api_key(org)).post(
        f"/api/orgs/{org.id}/integrations/gitlab/validate"
    )
    assert (answer.status_code, answer.json["error_code"]) == (200, "network_error")


def test_the_page_says_that_it_is_being_asked_already(
    app: Flask, factory: Factory, org: Org
) -> None:
    admin = browser(app, factory.membership(org, Role.ADMIN).user_id)
    with app.app_context(), waiting_for_gitlab(org.id):
        answer = admin.post(f"/orgs/{org.id}/gitlab/validate", follow_redirects=True)
    assert answer.status_code == 200
    assert "is waiting for your GitLab" in answer.text
