"""The contract as JSON for programs and as a page for people, without external assets."""

import json
import re
from typing import Any

from flask import Blueprint, Response, render_template
from markupsafe import Markup, escape

from gitlab_links import __version__
from gitlab_links.api.answers import json_answer
from gitlab_links.api.contract import contract
from gitlab_links.api.contract_examples import resolved
from gitlab_links.extensions import this_app
from gitlab_links.http.access import public

blueprint = Blueprint(
    "contract",
    __name__,
    template_folder="templates",
    static_folder="static",
    static_url_path="/api/docs/static",
)

_CODE = re.compile(r"`([^`]+)`")
_WHY = "the contract contains no data of any org, and clients are generated without a login"


@blueprint.get("/api/openapi.json")
@public(_WHY)
def openapi_json() -> Response:
    """The OpenAPI document, with the version of the service that answers.

    The version of the API in it changes only when a client has to: files hold no other.
    """
    document = contract(this_app())
    info = {**document["info"], "x-service-version": __version__}
    return json_answer({**document, "info": info})


@blueprint.get("/api/docs")
@public(_WHY)
def docs() -> str:
    """The OpenAPI document as a page."""
    document = contract(this_app())
    return render_template(
        "contract/docs.html",
        document=document,
        by_tag=_by_tag(document),
        resolve=lambda part: resolved(document, part),
        rows=lambda schema: _rows(document, schema),
        as_json=lambda value: json.dumps(value, indent=2, ensure_ascii=False),
        prose=_prose,
    )


def _prose(text: str | None) -> Markup:
    """A description as HTML. Of Markdown, descriptions use only code in backticks."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text or ""))))  # noqa: S704


def _by_tag(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {tag["name"]: [] for tag in document["tags"]}
    for path, item in document["paths"].items():
        shared = item.get("parameters", [])
        for method, operation in item.items():
            if method == "parameters":
                continue
            own = operation.get("parameters", [])
            found[operation["tags"][0]].append(
                {**operation, "method": method.upper(), "path": path, "parameters": shared + own}
            )
    return found


def _rows(document: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The fields of an object, for a table; nested objects by dotted name, lists with ``[]``."""
    schema = resolved(document, schema)
    required = schema.get("required", [])
    rows = []
    for name, given in schema.get("properties", {}).items():
        inner, suffix = resolved(document, given), ""
        rows.append({**inner, "name": name, "required": name in required})
        if inner.get("type") == "array":
            inner, suffix = resolved(document, inner["items"]), "[]"
        rows += [{**row, "name": f"{name}{suffix}.{row['name']}"} for row in _rows(document, inner)]
    return rows
