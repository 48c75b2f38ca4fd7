"""Docstrings and comments refer to what exists: a name that moves takes its references along."""

import builtins
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "gitlab_links"
# A role of Sphinx, a dotted name, what is to be seen, and a module's constant in a comment.
ROLE = re.compile(r":(?:class|func|mod|meth|data|attr):`~?(?:gitlab_links\.)?([\w.]+)`")
DOTTED = re.compile(r"``([a-z_]+(?:\.\w+)+)(?:\(\))?``")
SEE = re.compile(r"\b[Ss]ee\s+``(\w+)``")
CONSTANT = re.compile(r"^\s*#.*?\b([a-z_]+\.[A-Z][A-Z_]{2,})\b", re.MULTILINE)

DEFINED = re.compile(r"^\s*(?:(?:class|def)\s+)?(\w+)\s*[(:=]", re.MULTILINE)
IMPORTED = re.compile(r"^\s*(?:from|import)\s+(\w+)", re.MULTILINE)


@cache
def _sources() -> dict[str, str]:
    """The text of each module by its dotted name; rooms are modules too."""
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): (
            path.read_text()
        )
        for path in PACKAGE.rglob("*.py")
        if "demo" not in path.parts
    }


@cache
def _defined(module: str) -> frozenset[str]:
    return frozenset(DEFINED.findall(_sources()[module]))


@cache
def _all_names() -> frozenset[str]:
    parts = {part for module in _sources() for part in module.split(".")}
    return parts.union(*map(_defined, _sources()))


@cache
def _all_imported() -> frozenset[str]:
    return frozenset(name for text in _sources().values() for name in IMPORTED.findall(text))


def _modules_called(name: str) -> list[str]:
    return [one for one in _sources() if one == name or one.endswith(f".{name}")]


def resolves(name: str, module: str) -> bool:
    """Whether what ``module`` refers to by this name exists, in the package or beside it."""
    if name.endswith(".py"):
        return (PACKAGE / name).exists() or (PACKAGE.parent / name).exists()
    place, _, attribute = name.rpartition(".")
    if not place:
        return name in _all_names() or hasattr(builtins, name)
    outer, _, owner = place.rpartition(".")
    if _modules_called(name) or any(attribute in _defined(one) for one in _modules_called(place)):
        return True
    if any({owner, attribute} <= _defined(one) for one in _modules_called(outer)):
        return True
    root = name.split(".", maxsplit=1)[0]
    if _modules_called(root):
        return False
    # A library's, one of a value that the code has at hand, or an event's.
    at_hand = re.search(rf"\b{root}(?:: | = | in )", _sources()[module])
    is_text = any(f'"{name}"' in text for text in _sources().values())
    return root in _all_imported() or at_hand is not None or is_text


def references(text: str) -> Iterator[str]:
    """The names that a module's text refers to."""
    for pattern in (ROLE, DOTTED, SEE, CONSTANT):
        yield from pattern.findall(text)


def test_what_docstrings_and_comments_refer_to_exists() -> None:
    found = [(module, name) for module, text in _sources().items() for name in references(text)]
    assert len(found) > 300
    assert [one for one in found if not resolves(one[1], one[0])] == []


@pytest.mark.parametrize(
    "text",
    [
        "for more see ``succession``",
        "see ``sync.succession``",
        "# Shorter than triggers.CHECK_SECONDS.",
        "raises :class:`NothingOfTheKind`",
        ":func:`freshness.nothing_of_the_kind`",
        "``freshness.nothing_of_the_kind()``",
        ":meth:`links.freshness.Connection.nothing_of_the_kind`",
        "``nothing_of_the_kind.py``",
    ],
)
def test_what_does_not_exist_is_found(text: str) -> None:
    assert [name for name in references(text) if not resolves(name, "sync.projects")]
