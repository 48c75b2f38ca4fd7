"""The instance that the running Flask application serves."""

from typing import cast

from flask import current_app

from gitlab_links.demo.gitlab.state import GitLabState

KEY = "simulated_gitlab"


def state() -> GitLabState:
    return cast(GitLabState, current_app.extensions[KEY])
