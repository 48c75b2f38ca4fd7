"""The promises about faults on SQLite; ``make soak`` keeps them at full size."""

import pytest

from tests.soak.short import SHORT, SQLITE, keeps
from tests.soak.stage import Stage

pytestmark = [pytest.mark.processes, pytest.mark.only_on("sqlite")]


@pytest.fixture(scope="module")
def stage(dialect):
    with Stage(dialect) as stage:
        yield stage


@pytest.mark.parametrize("scenario", SHORT | SQLITE)
def test_the_promise_is_kept(stage, scenario):
    keeps(stage, (SHORT | SQLITE)[scenario])
