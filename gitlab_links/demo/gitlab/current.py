"""The instance that the request at hand was sent to."""

from typing import cast

from flask import request

from gitlab_links.demo.gitlab.state import GitLabState
from gitlab_links.demo.gitlab.wsgi import Instance


def state() -> GitLabState:
    return cast(GitLabState, request.environ[Instance.KEY])
