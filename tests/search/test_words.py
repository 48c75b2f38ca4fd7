"""The words of a text: what both databases index alike."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_links.search.words import words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Fix the Login-Page (again)!", ["fix", "the", "login", "page", "again"]),
        ("R\u00e9sum\u00e9 Stra\u00dfe", ["resume", "strasse"]),
        ("re\u0301sume\u0301", ["resume"]),
        ("https://tracker.example.com/browse/CREW-77?a=b",
         ["https", "tracker", "example", "com", "browse", "crew", "77", "a", "b"]),
        ("snake_case", ["snake", "case"]),
        ("\u6771\u4eac", ["x006771", "x004eac"]),
        ("\u041f\u0440\u0438", ["x00043fx000440x000438"]),
        (" %_\'\"*():|&! ", []),
    ],
)  # fmt: skip
def test_a_text_is_its_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@given(st.text(max_size=80))
def test_words_are_of_letters_and_digits_that_no_query_takes_for_syntax(text: str) -> None:
    assert all(re.fullmatch("[a-z0-9]{1,60}", word) for word in words_of(text))


@given(st.text(max_size=40), st.text(max_size=40))
def test_words_of_two_texts_are_the_words_of_each(one: str, other: str) -> None:
    assert words_of(f"{one} {other}") == words_of(one) + words_of(other)


@given(st.text(alphabet=st.characters(categories=["Ll", "Lu", "Nd"]), min_size=1, max_size=20))
def test_upper_and_lower_case_are_the_same(text: str) -> None:
    assert words_of(text.upper()) == words_of(text.upper().lower())
