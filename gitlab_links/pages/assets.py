"""Style sheets, JavaScript modules and the logo, served by the application."""

import hashlib
from functools import partial
from pathlib import Path

from flask import Flask, Response, current_app, send_from_directory, url_for
from flask_bootstrap import Bootstrap5

from gitlab_links.http.access import public
from gitlab_links.pages.blueprint import pages

FOLDER = Path(__file__).parent / "static"
SHEETS = (
    "theme",
    "layout",
    "forms",
    "parts",
    "tables",
    "rows",
    "views",
    "links",
    "integration",
    "rules",
    "timeline",
    "prose",
    "shortcuts",
    "overview",
)
DAY_SECONDS = 24 * 3600
YEAR_SECONDS = 365 * DAY_SECONDS
_EXTENSION = "asset_version"


def register(app: Flask) -> None:
    """Serve our own assets and Bootstrap's; templates name them with ``asset()``."""
    app.config["BOOTSTRAP_SERVE_LOCAL"] = True
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = YEAR_SECONDS
    app.static_url_path = "/static"  # Bootstrap-Flask derives its own path from it
    Bootstrap5(app)
    send = app.view_functions["bootstrap.static"]
    opened = public("Bootstrap is the same for everybody")(partial(send))
    app.view_functions["bootstrap.static"] = opened
    app.extensions[_EXTENSION] = _version()
    app.jinja_env.globals["asset"] = asset_url


def asset_version() -> str:
    """A short hash that changes with any asset."""
    found: str = current_app.extensions[_EXTENSION]
    return found


def asset_url(name: str) -> str:
    """The address of an asset. The version is a folder: modules import each other within it."""
    return url_for("pages.asset", version=asset_version(), name=name)


@pages.get("/static/<version>/app.css")
@public("the stylesheet is the same for everybody")
def stylesheet(version: str) -> Response:
    """All style sheets of ours in one answer."""
    css = "\n".join((FOLDER / "css" / f"{name}.css").read_text("utf-8") for name in SHEETS)
    return _cacheable(Response(css, mimetype="text/css"), version)


@pages.get("/static/<version>/<path:name>")
@public("modules and pictures are the same for everybody")
def asset(version: str, name: str) -> Response:
    """One file of ``static/``."""
    return _cacheable(send_from_directory(FOLDER, name), version)


@pages.get("/favicon.ico")
@public("browsers request it on their own")
def favicon() -> Response:
    """The icon for pages without a link to the logo: the queues, the API documentation."""
    return send_from_directory(FOLDER, "favicon.ico", max_age=DAY_SECONDS)


def _cacheable(response: Response, version: str) -> Response:
    """Cached forever under the current version; an old page gets the current file, uncached."""
    if version == asset_version():
        response.cache_control.public = True
        response.cache_control.max_age = YEAR_SECONDS
        response.cache_control.immutable = True
    else:
        response.headers["Cache-Control"] = "no-cache"
    return response


def _version() -> str:
    digest = hashlib.sha256()
    for path in sorted(FOLDER.rglob("*.*")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]
