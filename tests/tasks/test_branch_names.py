"""Names of branches: what git takes, and what a task is found by."""

import re
import subprocess

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gitlab_links.errors import Invalid
from gitlab_links.tasks.branch_names import DEFAULT_TEMPLATE, branch_name, checked_template

PIECES = st.sampled_from(["{title}", "feature", "/", "-", "_", ".", "x9", ".lock", "v1.", "//"])
ENDS = st.sampled_from(["", "/", "-", "_", "."])


@st.composite
def templates(draw: st.DrawFn) -> str:
    before = "".join(draw(st.lists(PIECES, max_size=4)))
    behind = "".join(draw(st.lists(PIECES, max_size=4)))
    left = draw(ENDS.filter(bool)) if before else draw(ENDS)
    right = draw(ENDS.filter(bool)) if behind else draw(ENDS)
    return f"{before}{left}{{key}}{right}{behind}"


@pytest.mark.parametrize(
    ("template", "title", "name"),
    [
        (None, "Ship the release!", "acme-12-ship-the-release"),
        (None, "", "acme-12"),
        (None, "\u65e5\u672c\u8a9e", "acme-12"),
        (None, "\u00dcber gro\u00dfe Stra\u00dfen", "acme-12-uber-grosse-strassen"),
        ("feature/{key}", "Ship it", "feature/acme-12"),
        ("{title}/{key}", "!!!", "acme-12"),
        ("feature/{title}.{key}", "a.lock", "feature/a-lock.acme-12"),
        (None, "word " * 30, "acme-12-" + "-".join(["word"] * 10)),
        (None, "x" * 200, "acme-12-" + "x" * 50),
    ],
)
def test_names(template: str | None, title: str, name: str) -> None:
    assert branch_name(template, "ACME-12", title) == name


@given(templates(), st.text(max_size=80))
@example(DEFAULT_TEMPLATE, "..")
@example("{key}.lock", "")
def test_every_name_has_the_key_standing_alone_and_nothing_that_git_refuses(
    template: str, title: str
) -> None:
    name = branch_name(checked_template(template), "ACME-12", title)
    assert re.search(r"(?:^|[/_.-])acme-12(?![A-Za-z0-9])", name)
    assert re.fullmatch(r"[A-Za-z0-9_./-]+", name)
    for part in name.split("/"):
        assert part
        assert not part.startswith((".", "-"))
        assert not part.endswith((".", ".lock"))
        assert ".." not in part


@settings(max_examples=25)
@given(templates(), st.text(max_size=20))
def test_git_says_so_too(template: str, title: str) -> None:
    name = branch_name(template, "ACME-12", title)
    subprocess.run(["git", "check-ref-format", "--branch", name], check=True, capture_output=True)


@pytest.mark.parametrize(
    "template",
    [
        "{title}",
        "{key}{title}",
        "{title}{key}",
        "x{key}",
        "{key}x",
        "{key}-{key}",
        "{key} x",
        "{key}-{name}",
        "{key}~1",
        "{key}-" + "x" * 100,
        "{key}-\u00e4",
    ],
)
def test_a_template_without_the_key_or_with_more_is_refused(template: str) -> None:
    with pytest.raises(Invalid) as refused:
        checked_template(template)
    assert "branch_template" in refused.value.errors


def test_an_empty_template_is_the_default() -> None:
    assert checked_template("  ") == ""
