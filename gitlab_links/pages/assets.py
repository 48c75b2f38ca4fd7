"""Stylesheets, modules and the mark, served by the application itself."""

import hashlib
from functools import partial
from pathlib import Path

from flask import Flask, Response, current_app, send_from_directory, url_for
from flask_bootstrap import Bootstrap5

from gitlab_links.http.access import public
from gitlab_links.pages.blueprint import pages

FOLDER = Path(__file__).parent / "static"
SHEETS = ("theme", "layout", "forms", "parts", "tables", "rows", "links", "integration")
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
    """Changes with any asset."""
    found: str = current_app.extensions[_EXTENSION]
    return found


def asset_url(name: str) -> str:
    """The address of an asset. The version is a folder, so that modules import within it."""
    return url_for("pages.asset", version=asset_version(), name=name)


@pages.get("/static/<version>/app.css")
@public("the stylesheet is the same for everybody")
def stylesheet(version: str) -> Response:
    """Our stylesheets as one."""
    css = "\n".join((FOLDER / "css" / f"{name}.css").read_text("utf-8") for name in SHEETS)
    return _kept(Response(css, mimetype="text/css"), version)


@pages.get("/static/<version>/<path:name>")
@public("modules and pictures are the same for everybody")
def asset(version: str, name: str) -> Response:
    """A file of the folder."""
    return _kept(send_from_directory(FOLDER, name), version)


@pages.get("/favicon.ico")
@public("browsers ask for it without being told, also on pages that are not ours")
def favicon() -> Response:
    """The mark for what does not read our pages: the queues, the contract, bookmarks."""
    return send_from_directory(FOLDER, "favicon.ico", max_age=DAY_SECONDS)


def _kept(response: Response, version: str) -> Response:
    """For good under its own version; an old page gets the present file, for once."""
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
