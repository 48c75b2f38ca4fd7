"""Python runs this at the start of each process of the scenario "an hour back": its clock goes
as many seconds ahead as a file says, which may change at any moment.
"""

import os
import time
from datetime import datetime, timedelta
from pathlib import Path

from gitlab_links import clock

OFFSET = Path(os.environ["SOAK_CLOCK"])
_true_time = time.time


def offset() -> float:
    """In seconds; 0 while the file is being written."""
    return float(OFFSET.read_text() or 0)


class Shifted(datetime):
    """Stands in for ``datetime`` where the service reads the clock."""

    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + timedelta(seconds=offset())


clock.datetime = Shifted
time.time = lambda: _true_time() + offset()
