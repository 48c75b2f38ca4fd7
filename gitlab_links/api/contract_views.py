"""What the views of the API declare, gathered by flask-smorest for the contract."""

from typing import Any

from flask import Flask
from flask_smorest import Api

from gitlab_links.api import blueprints
from gitlab_links.api.schemas.common import Problem
from gitlab_links.api.schemas.fields import Cursor, Time


class _Api(Api):  # type: ignore[misc]
    """flask-smorest without its error handlers: the application has its own."""

    ERROR_SCHEMA = Problem

    def _register_error_handlers(self) -> None:
        pass


def gather(app: Flask) -> dict[str, Any]:
    """Paths, parameters and schemas.

    Only for who asks for the contract. flask-smorest would gather them whenever it registers a
    blueprint, and every process would start later.
    """
    commands = dict(app.cli.commands)
    api = _Api(app)
    # It has added a command of its own that has the name of ours.
    app.cli.commands = commands
    api.register_field(Time, "string", "date-time")
    api.register_field(Cursor, "string", None)
    for blueprint in blueprints.ALL:
        blueprint.register_views_in_doc(api, app, api.spec, name=blueprint.name, parameters=None)
        api.spec.tag({"name": blueprint.name, "description": blueprint.description})
    found: dict[str, Any] = api.spec.to_dict()
    return found
