"""Words for moments, codes and labels."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_links.pages import labels, times, wording
from gitlab_links.pages.template_filters import shown_url

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-30, "just now"),
        (0, "just now"),
        (5, "5 s ago"),
        (59.9, "59 s ago"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "1 h ago"),
        (172_799, "47 h ago"),
        (172_800, "2 days ago"),
        (30 * 86_400, "on Oct 24, 2026"),
    ],
)
def test_how_long_ago(seconds: float, words: str) -> None:
    assert times.ago(NOW - timedelta(seconds=seconds), NOW) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "now"), (0, "now"), (1, "in 1 s"), (61, "in 2 min"), (3601, "in 2 h"),
     (172_800, "in 2 days"), (9 * 86_400, "in 9 days")],
)  # fmt: skip
def test_how_long_until(seconds: float, words: str) -> None:
    assert times.until(NOW + timedelta(seconds=seconds), NOW) == words


@given(st.text(max_size=30))
def test_no_status_of_gitlab_is_without_words(status: str) -> None:
    assert wording.pipeline_mark(status).text
    mark = wording.merge_mark(status)
    assert mark is None or mark.icon
    assert wording.item_mark("issue", status or None).text


channel = st.integers(0, 255)


@given(channel, channel, channel)
def test_a_label_can_be_read_on_any_colour(red: int, green: int, blue: int) -> None:
    color = f"#{red:02x}{green:02x}{blue:02x}"
    view = labels.label_view({"name": "x", "color": color})
    luminance = labels._luminance(color)
    light, dark = (1.05, luminance + 0.05) if view.on_dark else (luminance + 0.05, 0.05)
    assert light / dark >= 4.5
    assert view.color == color


@given(st.text(max_size=40))
def test_what_is_no_colour_never_reaches_the_markup(color: str) -> None:
    assert labels.label_view({"name": "x", "color": color}).color.startswith("#")
    assert set(labels.label_view({"name": "x", "color": color}).color[1:]) <= set(
        "0123456789abcdef"
    )


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("bug", (None, "bug")),
        ("priority::high", ("priority", "high")),
        ("a::b::c", ("a::b", "c")),
        ("::x", (None, "::x")),
        ("x::", (None, "x::")),
        ("", (None, "")),
    ],
)
def test_scoped_labels_have_two_parts(name: str, parts: tuple[str | None, str]) -> None:
    view = labels.label_view({"name": name, "color": "#fff"})
    assert (view.scope, view.name) == parts


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Ana Kovač", "AK"),
        ("root", "R"),
        ("a.b-c d", "AD"),
        ("", "?"),
        (" ", "?"),
        ("李 明", "李明"),
    ],
)
def test_initials(name: str, letters: str) -> None:
    assert labels.initials(name) == letters


def test_a_person_has_one_colour_in_every_process() -> None:
    assert [labels.avatar_colour(name) for name in ("ana", " ANA ", "ben")] == [1, 1, 5]
    assert {labels.avatar_colour(str(n)) for n in range(100)} == set(range(labels.AVATAR_COLOURS))


def test_addresses_are_shown_short() -> None:
    assert shown_url("https://a.example/b/?q=1#x") == "a.example/b"
    assert len(shown_url("https://a.example/" + "b" * 100)) == 60
