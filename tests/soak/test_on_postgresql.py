"""The promises about faults on PostgreSQL; ``make soak`` keeps them at full size."""

import pytest

from tests.soak.short import POSTGRESQL, SHORT, keeps
from tests.soak.stage import Stage

pytestmark = [pytest.mark.processes, pytest.mark.only_on("postgresql")]


@pytest.fixture(scope="module")
def stage(dialect):
    with Stage(dialect) as stage:
        yield stage


@pytest.mark.parametrize("scenario", SHORT | POSTGRESQL)
def test_the_promise_is_kept(stage, scenario):
    keeps(stage, (SHORT | POSTGRESQL)[scenario])
