"""The contract as files in the repository, and the check that they match the code."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from flask import Flask

from gitlab_links.api.contract import contract, path_of
from gitlab_links.api.scope_map import scope_map

CONTRACT, SCOPES = "openapi.yaml", "scope-map.yaml"
_HEAD = "# Generated from the code by: flask --app wsgi openapi\n"
# Reading 13,000 lines without libyaml takes most of a second.
_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_METHODS = frozenset({"get", "post", "put", "patch", "delete"})


def write(app: Flask, folder: Path) -> list[Path]:
    """Write both files and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, content in _generated(app).items():
        (folder / name).write_text(_HEAD + _as_yaml(content), encoding="utf-8")
        written.append(folder / name)
    return written


def differences(app: Flask, folder: Path) -> list[str]:
    """The differences between the files and the code, one sentence each."""
    kept = {name: read(folder / name) for name in (CONTRACT, SCOPES)}
    routes = set(_routes(app))
    described = dict(_described(kept[CONTRACT]))
    scoped = kept[SCOPES].get("operations", {})
    found = [f"{route}: no operation in {CONTRACT}" for route in routes - set(described)]
    found += [f"{route}: in {CONTRACT} and no route" for route in set(described) - routes]
    ids = set(described.values())
    found += [f"{one}: no entry in {SCOPES}" for one in ids - set(scoped)]
    found += [f"{one}: in {SCOPES} and no operation" for one in set(scoped) - ids]
    found += [
        f"{one}: in {SCOPES} and no route"
        for one, entry in scoped.items()
        if f"{entry.get('method')} {entry.get('path')}" not in routes
    ]
    for name, content in _generated(app).items():
        if not found and kept[name] != json.loads(json.dumps(content)):
            found.append(f"{name}: differs from the code")
    return sorted(found)


def _generated(app: Flask) -> dict[str, Any]:
    return {CONTRACT: contract(app), SCOPES: scope_map(app)}


def _routes(app: Flask) -> Iterator[str]:
    """Every method and path under /api/, on any blueprint."""
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/") and rule.endpoint not in UNDESCRIBED:
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                yield f"{method} {path_of(rule)}"


# The contract itself and its pages.
UNDESCRIBED = frozenset({"contract.openapi_json", "contract.docs", "contract.static"})


def _described(document: Any) -> Iterator[tuple[str, str]]:
    for path, item in document.get("paths", {}).items():
        for method, operation in item.items():
            if method in _METHODS:
                yield f"{method.upper()} {path}", operation.get("operationId", "")


def read(path: Path) -> Any:
    """A file of the contract as it was written; nothing where it is missing."""
    if not path.exists():
        return {}
    return yaml.load(path.read_text(encoding="utf-8"), _Loader) or {}  # noqa: S506


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        """Write repeated values in full: anchors are hard to read."""
        return True


def _as_yaml(content: Any) -> str:
    text: str = yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text
