"""The promises about faults, small enough for every run; ``make soak`` does the same in full."""

import pytest

from tests.soak import kills
from tests.soak.figures import as_table
from tests.soak.stage import Stage

pytestmark = pytest.mark.processes


@pytest.fixture
def stage(dialect):
    with Stage(dialect) as stage:
        yield stage


def keeps(figures, dialect):
    broken = [figure for figure in figures if not figure.kept]
    assert not broken, "\n" + as_table([("", dialect, figure) for figure in figures])


def test_no_delivery_is_lost_when_workers_are_killed_and_rings_forgotten(stage, dialect):
    keeps(kills.kills(stage, count=8, flushes=1, projects=2, issues=5), dialect)
