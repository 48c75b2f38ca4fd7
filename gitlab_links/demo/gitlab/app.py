"""The simulated GitLab as a Flask application."""

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from flask import Flask

from gitlab_links.demo.gitlab.control import create_control
from gitlab_links.demo.gitlab.openid import create_openid
from gitlab_links.demo.gitlab.pages import create_pages
from gitlab_links.demo.gitlab.rest.blueprint import create_graphql, create_rest
from gitlab_links.demo.gitlab.state import GitLabState
from gitlab_links.demo.gitlab.wsgi import EncodedSlashes, Instance, RelativeRoot

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def create_gitlab(state: GitLabState, *, relative_root: str = "") -> "WSGIApplication":
    """Serve ``state``: API, pages and control, all below ``relative_root`` where one is given."""
    instance: WSGIApplication = Instance(_application().wsgi_app, state)
    if relative_root:
        instance = RelativeRoot(instance, relative_root)
    return EncodedSlashes(instance, state)


@cache
def _application() -> Flask:
    """One for all instances of a process: tests make many, and compiling its routes is slow."""
    app = Flask("gitlab_links.demo.gitlab", static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # only the default provider has it
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = timedelta(hours=1)
    app.register_blueprint(create_rest())
    app.register_blueprint(create_graphql())
    app.register_blueprint(create_control())
    app.register_blueprint(create_openid())
    app.register_blueprint(create_pages())
    return app
