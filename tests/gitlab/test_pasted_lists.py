"""Text that names several items."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_links.gitlab.pasted_lists import pasted_entries

URL = "https://gitlab.example.com/acme/app/-/issues/7"
NAMES = [URL, "acme/app#3", "group/sub/app!12", f"<{URL}>", "app#3"]


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("", []),
        (" \n\r\n ", []),
        (URL, [URL]),
        (f"{URL}\r\n\r\nacme/app!3\n", [URL, "acme/app!3"]),
        (f"- {URL}\n* [ ] acme/app!3\n2. acme/app#4", [URL, "acme/app!3", "acme/app#4"]),
        ("acme/app!3, acme/app!4; acme/app#5", ["acme/app!3", "acme/app!4", "acme/app#5"]),
        (f"{URL} {URL}", [URL, URL]),
        (f"[the title of it]({URL})", [f"[the title of it]({URL})"]),
        (f"see {URL}", [f"see {URL}"]),
        ("some words", ["some words"]),
        ("1.", ["1."]),
    ],
)
def test_each_line_is_one_unless_all_of_its_words_name_items(text: str, entries: list[str]) -> None:
    assert pasted_entries(text) == entries


@given(st.lists(st.sampled_from(NAMES), max_size=8), st.sampled_from(["\n", "\r\n", " ", ", "]))
def test_however_they_are_joined_each_comes_out_once_and_in_order(
    names: list[str], between: str
) -> None:
    assert pasted_entries(between.join(names)) == names


@given(st.text(max_size=200))
def test_any_text_gives_entries_without_blank_ends_or_line_breaks(text: str) -> None:
    for entry in pasted_entries(text):
        assert entry == entry.strip() != ""
        assert len(entry.splitlines()) == 1
