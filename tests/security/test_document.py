"""docs/security.md names tests; each of them is there."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
TEXT = (PROJECT / "docs" / "security.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", TEXT)))
ITEMS = (
    *("1.3.6", "1.5.2", "3.3.1 to 3.3.4", "3.4.1, 3.4.3 to 3.4.6", "3.4.2", "3.5.1", "6.3.1"),
    *("6.3.8", "7.2.4", "7.4.1", "7.4.2", "8.2.2", "8.3.2", "8.4.1", "11.4.2", "13.3.4", "15.3.2"),
    *("15.4.2", "16.2.5", "16.5.2"),
)


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_named_test_exists(path: str, name: str) -> None:
    assert f"def {name}(" in (PROJECT / path).read_text()


@pytest.mark.parametrize("item", ITEMS)
def test_every_item_has_a_row_with_a_test(item: str) -> None:
    row = next(line for line in TEXT.splitlines() if line.startswith(f"| {item} |"))
    assert "::test_" in row


def test_every_file_named_is_there() -> None:
    for folder, name in re.findall(r"`(?:(tests/\w+)/)?(test_\w+\.py)`", TEXT):
        places = (
            [PROJECT / folder]
            if folder
            else [PROJECT / "tests" / "security", PROJECT / "tests" / "gitlab"]
        )
        assert any((place / name).exists() for place in places), name
