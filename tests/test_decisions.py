"""The decisions in docs/adr: each has a number of its own, and the index names them all."""

import re
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "docs" / "adr"
FILES = sorted(FOLDER.glob("[0-9]*.md"))
LINK = re.compile(r"adr/((?:[0-9]{4})-[a-z0-9-]+\.md)")


def number_of(file: Path) -> int:
    return int(file.name[:4])


def test_decisions_are_numbered_without_a_gap_or_a_double() -> None:
    assert [number_of(file) for file in FILES] == list(range(1, len(FILES) + 1))


def test_each_decision_has_its_number_in_its_title() -> None:
    for file in FILES:
        assert file.read_text().startswith(f"# {number_of(file)}. "), file.name


def test_the_index_names_every_decision_under_its_number() -> None:
    rows = re.findall(r"^\| \[(\d+)\]\(([^)]+)\)", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert rows == [(str(number_of(file)), file.name) for file in FILES]


def test_what_other_documents_refer_to_is_there() -> None:
    names = {file.name for file in FILES}
    docs = [*FOLDER.parent.rglob("*.md"), *FOLDER.parents[1].glob("*.md")]
    for document in docs:
        assert set(LINK.findall(document.read_text())) <= names, document.name
