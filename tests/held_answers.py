"""A simulated GitLab that answers when the test says so."""

import threading

from flask import request

from gitlab_links.demo.gitlab import SimulatedGitLab
from tests.hanging import HANGS


def hold_answers(gitlab: SimulatedGitLab, part_of_path: str) -> threading.Event:
    """What has this in its path is done at once, and answered once the event is set."""
    answered = threading.Event()

    def wait(_answer: object) -> None:
        if part_of_path in request.path:
            answered.wait(HANGS)

    gitlab.state.faults.rewrite = wait
    return answered
