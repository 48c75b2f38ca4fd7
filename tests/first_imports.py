"""Who compiles which tests when nothing is compiled yet, as in a fresh clone.

The workers of a run collect the same files at the same time, so each would compile all of them.
"""

import importlib
from contextlib import suppress
from itertools import chain

import pytest

from gitlab_links.local.supervisor import PROJECT

_EVERYTHING = pytest.Config.ArgsSource.TESTPATHS


def take_turns(config: pytest.Config) -> None:
    """Import every test, another part first than the other workers, who then find it compiled."""
    if not hasattr(config, "workerinput") or config.args_source is not _EVERYTHING:
        return
    names = [
        ".".join(path.relative_to(PROJECT).with_suffix("").parts)
        for path in sorted((PROJECT / "tests").rglob("test_*.py"))
    ]
    worker = int(config.workerinput["workerid"].removeprefix("gw"))
    start = len(names) * worker // config.workerinput["workercount"]
    for name in chain(names[start:], names[:start]):
        # Collecting imports it again, and says what is wrong.
        with suppress(Exception):
            importlib.import_module(name)
