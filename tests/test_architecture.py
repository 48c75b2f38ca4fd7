"""The rules of docs/architecture.md that the linter of imports cannot hold."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "gitlab_links"
# The simulated GitLab is an application of its own.
MODULES = [path for path in PACKAGE.rglob("*.py") if "demo" not in path.parts]

ENVIRONMENT = {"config/settings.py"}
OF_REQUESTS = {"http/", "api/", "pages/", "ops/"}
COMMITTING = {
    "http/",
    "jobs/",
    "cli.py",
    "ops/",
    # The use cases that call GitLab in between: no transaction is open meanwhile.
    "health/hook_check.py",
    "health/hook_repair.py",
    "health/notifications.py",
    "health/project_picks.py",
    "health/relocation.py",
    "health/token_check.py",
    "health/token_rotation.py",
}


def _reads_environment(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id="os"), attr="environ" | "getenv"):
            return True
    return False


def _uses_request(node: ast.AST) -> bool:
    match node:
        case ast.ImportFrom(module="flask", names=names):
            return bool({"request", "session"} & {name.name for name in names})
    return False


def _commits(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(attr="commit")):
            return True
    return False


def _where(rule: Callable[[ast.AST], bool]) -> Iterator[str]:
    for path in MODULES:
        if any(rule(node) for node in ast.walk(ast.parse(path.read_text()))):
            yield str(path.relative_to(PACKAGE))


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        pytest.param(_reads_environment, ENVIRONMENT, id="environment"),
        pytest.param(_uses_request, OF_REQUESTS, id="flask.request"),
        pytest.param(_commits, COMMITTING, id="commit"),
    ],
)
def test_this_is_done_only_where_the_architecture_says(
    rule: Callable[[ast.AST], bool], allowed: set[str]
) -> None:
    found = set(_where(rule))
    assert not {path for path in found if not path.startswith(tuple(allowed))}
    assert not {room for room in allowed if not any(path.startswith(room) for path in found)}
