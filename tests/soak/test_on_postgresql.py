"""The promises about faults on PostgreSQL; ``make soak`` keeps them at full size."""

import pytest

from tests.soak.short import DATABASE, SHORT, keeps
from tests.soak.stage import Stage

pytestmark = [pytest.mark.processes, pytest.mark.only_on("postgresql")]


@pytest.fixture(scope="module")
def stage(dialect):
    with Stage(dialect) as stage:
        yield stage


@pytest.mark.parametrize("scenario", SHORT | DATABASE)
def test_the_promise_is_kept(stage, scenario):
    keeps(stage, (SHORT | DATABASE)[scenario])
