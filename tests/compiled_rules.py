"""Routes of applications, compiled once for all applications of this process.

Werkzeug compiles how each route's address is built, twice, with each application: two thirds of
what making one takes, and the tests make a hundred.
"""

from collections.abc import Callable, Iterator

import pytest
from werkzeug.routing import Rule

_COMPILE = Rule._compile_builder
_compiled: dict[object, Callable[..., tuple[str, str]]] = {}


def _compile_once(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
    if rule.defaults:
        return _COMPILE(rule, append_unknown)
    # The function knows the rule it is of only when it is called.
    key = (rule.rule, *rule._trace, append_unknown)
    if key not in _compiled:
        _compiled[key] = _COMPILE(rule, append_unknown)
    return _compiled[key]


@pytest.fixture(scope="session", autouse=True)
def compiled_rules() -> Iterator[None]:
    """For every application that a test makes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", _compile_once)
        yield
