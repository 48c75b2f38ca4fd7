"""The contract is whole, valid, and what the code does."""

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from gitlab_links import __version__
from gitlab_links.api.contract import contract
from gitlab_links.api.contract_files import CONTRACT, SCOPES, differences, write
from gitlab_links.config.settings import Settings
from tests.databases import make_application

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """An application to describe, which takes no database."""
    return _application(tmp_path_factory.mktemp("described"))


def _application(folder: Path) -> Flask:
    return make_application(
        Settings(secret_key="of no importance", database_url=f"sqlite:///{folder / 'none.db'}")
    )


@pytest.fixture(scope="module")
def document(described: Flask) -> dict[str, Any]:
    """The contract."""
    return contract(described)


@pytest.fixture(scope="module")
def written(described: Flask, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of the contract, as they are to be."""
    folder = tmp_path_factory.mktemp("written")
    write(described, folder)
    assert differences(described, folder) == []
    return folder


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in document["paths"].values():
        yield from (one for name, one in item.items() if name != "parameters")


def _parts(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for inner in node.values():
            yield from _parts(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _parts(inner)


def test_it_is_valid_openapi(document: dict[str, Any]) -> None:
    validate(document)
    assert document["openapi"].startswith("3.1")


def test_the_files_say_what_the_code_does(described: Flask) -> None:
    assert differences(described, ROOT / "docs" / "api") == []


def test_every_operation_is_told_in_full(document: dict[str, Any]) -> None:
    for operation in _operations(document):
        assert operation["summary"], operation["operationId"]
        assert operation["tags"]
        assert operation["security"] is not None
        statuses = set(operation["responses"])
        assert any(status.startswith("2") for status in statuses)
        assert "503" in statuses
        if "requestBody" in operation:
            assert {"400", "413", "415"} <= statuses
        if {"apiKey"} & {name for one in operation["security"] for name in one}:
            assert {"401", "429"} <= statuses


def test_every_reading_takes_both_conditions(document: dict[str, Any]) -> None:
    for operation in (item["get"] for item in document["paths"].values() if "get" in item):
        assert {"304", "412"} <= set(operation["responses"]), operation["operationId"]
        named = {one["$ref"].rpartition("/")[2] for one in operation["parameters"] if "$ref" in one}
        assert {"IfNoneMatch", "IfMatch"} <= named


def test_every_body_has_an_example_that_fits_its_schema(document: dict[str, Any]) -> None:
    for operation in _operations(document):
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for media in (one for body in bodies for one in body.get("content", {}).values()):
            examples = [one["value"] for one in media.get("examples", {}).values()]
            for example in [*examples, *([media["example"]] if "example" in media else [])]:
                schema = {**media["schema"], "components": document["components"]}
                Draft202012Validator(schema).validate(example)
            assert "example" in media or "examples" in media, operation["operationId"]


def test_nothing_is_left_open(document: dict[str, Any]) -> None:
    assert not [part for part in _parts(document) if part.get("additionalProperties") is True]
    named = set(document["components"]["schemas"])
    referred = {
        part["$ref"].rpartition("/")[2]
        for part in _parts(document)
        if str(part.get("$ref", "")).startswith("#/components/schemas/")
    }
    assert referred == named


def test_parameters_have_bounds(document: dict[str, Any]) -> None:
    unbounded = []
    for operation in _operations(document):
        for parameter in operation.get("parameters", []):
            schema = parameter.get("schema", {}).get("items", parameter.get("schema", {}))
            bounded = schema.keys() & {"enum", "format", "maxLength", "maximum"}
            if "$ref" not in parameter and not bounded and schema.get("type") != "boolean":
                unbounded.append((operation["operationId"], parameter["name"]))
    assert unbounded == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        (CONTRACT, "  /api/me:", "  /api/moi:", "GET /api/me: no operation in openapi.yaml"),
        (CONTRACT, "  /api/me:", "  /api/moi:", "GET /api/moi: in openapi.yaml and no route"),
        (SCOPES, "  accounts__me_get:", "  x:", "accounts__me_get: no entry in scope-map.yaml"),
        (SCOPES, "  accounts__me_get:", "  x:", "x: in scope-map.yaml and no operation"),
        (SCOPES, "path: /api/me", "path: /api/x", "in scope-map.yaml and no route"),
        (SCOPES, "permission: audit", "permission: org_read", "differs from the code"),
        (CONTRACT, "summary: Show who is calling", "summary: X", "differs from the code"),
    ],
)
def test_a_difference_is_found_whichever_side_it_is_on(
    described: Flask,
    written: Path,
    tmp_path: Path,
    file: str,
    old: str,
    new: str,
    complaint: str,
) -> None:
    changed = copytree(written, tmp_path / "changed")
    text = (changed / file).read_text()
    assert old in text
    (changed / file).write_text(text.replace(old, new, 1))
    assert any(complaint in line for line in differences(described, changed))


@pytest.mark.slow
def test_a_route_that_was_forgotten_is_found(written: Path, tmp_path: Path) -> None:
    app = _application(tmp_path)
    app.add_url_rule("/api/forgotten", view_func=lambda: "", endpoint="forgotten")
    assert differences(app, written) == ["GET /api/forgotten: no operation in openapi.yaml"]


def test_it_is_served_to_everybody(client: FlaskClient) -> None:
    answer = client.get("/api/openapi.json")
    assert answer.status_code == 200
    assert answer.json["info"]["title"] == "gitlab_links"
    assert answer.json["info"]["version"] == "1"
    assert answer.json["info"]["x-service-version"] == __version__
    again = client.get("/api/openapi.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_the_page_shows_every_operation_and_loads_nothing_external(
    client: FlaskClient, document: dict[str, Any]
) -> None:
    page = client.get("/api/docs")
    assert page.status_code == 200
    html = page.get_data(as_text=True)
    for operation in _operations(document):
        assert f'id="{operation["operationId"]}"' in html
    assert "<script" not in html
    assert "style=" not in html
    assert 'src="http' not in html
    assert client.get("/api/docs/static/docs.css").status_code == 200
