"""A web process that is killed over a request: ``python -m tests.http.dying_request MOMENT PATH``.

It sends itself one POST with the API key and the Idempotency-Key of its environment.
"""

import os
import signal
import sys
from typing import Any

from gitlab_links.app import create_app
from gitlab_links.config.settings import Settings
from gitlab_links.extensions import db
from gitlab_links.http import idempotency
from tests.api.callers import program


def _die(*_arguments: Any, **_named: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(moment: str, path: str) -> None:
    """Die before the answer is kept, before the commit, or after it."""
    app = create_app(Settings.from_environ())
    commit = db.session.commit
    if moment == "before the answer is kept":
        idempotency.save_answer = _die
    elif moment == "before the commit":
        db.session.commit = _die  # type: ignore[method-assign]
    else:
        db.session.commit = lambda: (commit(), _die())  # type: ignore[method-assign]
    caller = program(app, os.environ["API_KEY"])
    key = {"Idempotency-Key": os.environ["IDEMPOTENCY_KEY"]}
    caller.post(path, json={"title": "Ship"}, headers=key)


if __name__ == "__main__":
    main(*sys.argv[1:])
