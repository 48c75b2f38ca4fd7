"""The rules of docs/architecture.md that the linter of imports cannot hold."""

import ast
from collections.abc import Callable, Iterator
from functools import cache
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
    "health/background_calls.py",
    "health/hook_check.py",
    "health/hook_removal.py",
    "health/hook_repair.py",
    "health/title_search.py",
    "health/issue_tracker.py",
    "health/project_picks.py",
    "health/connecting.py",
    "health/relocation.py",
    "health/token_check.py",
    "health/token_rotation.py",
    "outgoing/trial.py",
}
CONNECTING = {
    # Pauses the connection after a 429.
    "health/background_calls.py",
    # A request waits for the answer, and says so.
    "health/hook_check.py",
    "health/project_picks.py",
    "health/relocation.py",
    "health/title_search.py",
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


def _connects(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(attr="client")):
            return True
    return False


@cache
def _parsed() -> list[tuple[str, list[ast.AST]]]:
    """Every module by its path in the package, with all its nodes."""
    return [
        (str(path.relative_to(PACKAGE)), list(ast.walk(ast.parse(path.read_text()))))
        for path in MODULES
    ]


def _where(rule: Callable[[ast.AST], bool]) -> Iterator[str]:
    return (path for path, nodes in _parsed() if any(map(rule, nodes)))


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        pytest.param(_reads_environment, ENVIRONMENT, id="environment"),
        pytest.param(_uses_request, OF_REQUESTS, id="flask.request"),
        pytest.param(_commits, COMMITTING, id="commit"),
        pytest.param(_connects, CONNECTING, id="a client of GitLab"),
    ],
)
def test_this_is_done_only_where_the_architecture_says(
    rule: Callable[[ast.AST], bool], allowed: set[str]
) -> None:
    found = set(_where(rule))
    assert not {path for path in found if not path.startswith(tuple(allowed))}
    assert not {room for room in allowed if not any(path.startswith(room) for path in found)}


def _columns_with_foreign_keys() -> Iterator[tuple[str, ast.Call]]:
    for path, nodes in _parsed():
        for node in nodes:
            match node:
                case ast.Call(func=ast.Name(id="mapped_column"), args=arguments):
                    calls = [one.func for one in arguments if isinstance(one, ast.Call)]
                    if any(
                        isinstance(call, ast.Name) and call.id == "ForeignKey" for call in calls
                    ):
                        yield f"{path}:{node.lineno}", node


def test_every_foreign_key_names_its_type() -> None:
    """SQLAlchemy would take it from the other table, once that is imported. A statement that is
    built before has no type: SQLite then gives ids as text.
    """
    columns = dict(_columns_with_foreign_keys())
    assert len(columns) > 20
    assert not [where for where, node in columns.items() if not isinstance(node.args[0], ast.Name)]


def _functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    for path, nodes in _parsed():
        for node in nodes:
            if isinstance(node, ast.FunctionDef):
                yield f"{path}:{node.name}", node


def _lines(function: ast.FunctionDef) -> int:
    """Those of its signature and code."""
    first, end = function.body[0], function.end_lineno or 0
    documented = ast.get_docstring(function) is not None
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return end - function.lineno + 1 - docstring


def test_a_function_has_at_most_40_lines() -> None:
    long = {name: _lines(function) for name, function in _functions() if _lines(function) > 40}
    assert long == {}


def test_a_file_has_at_most_300_lines() -> None:
    lengths = {str(path): len(path.read_text().splitlines()) for path in MODULES}
    assert {path: length for path, length in lengths.items() if length > 300} == {}
