"""The simulated GitLab as a Flask application."""

from datetime import timedelta

from flask import Flask

from gitlab_links.demo.gitlab.control import create_control
from gitlab_links.demo.gitlab.current import KEY
from gitlab_links.demo.gitlab.pages import create_pages
from gitlab_links.demo.gitlab.rest.blueprint import create_rest
from gitlab_links.demo.gitlab.state import GitLabState
from gitlab_links.demo.gitlab.wsgi import EncodedSlashes, RelativeRoot


def create_gitlab(state: GitLabState, *, relative_root: str = "") -> Flask:
    """Serve ``state``: API, pages and control, all below ``relative_root`` where one is given."""
    app = Flask("gitlab_links.demo.gitlab", static_folder=None)
    app.extensions[KEY] = state
    app.json.sort_keys = False  # type: ignore[attr-defined]  # only the default provider has it
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = timedelta(hours=1)
    app.register_blueprint(create_rest())
    app.register_blueprint(create_control())
    app.register_blueprint(create_pages())
    rooted = RelativeRoot(app.wsgi_app, relative_root) if relative_root else app.wsgi_app
    app.wsgi_app = EncodedSlashes(rooted)  # type: ignore[method-assign]
    return app
