"""Which passwords are taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_links.accounts.password_rules import check_password
from gitlab_links.errors import Invalid

EMAIL = "somebody@example.com"


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("elevenchars", "12 to 200"),
        ("x" * 201, "12 to 200"),
        ("qwertyqwerty", "easy to guess"),
        ("Q1W2E3R4T5Y6", "easy to guess"),
        ("monkeymonkey", "easy to guess"),
        ("aaaaaaaaaaaab", "easy to guess"),
        ("Somebody@Example.com", "e-mail address"),
    ],
)
def test_a_weak_one_is_refused_with_the_reason(password: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as refused:
        check_password(password, EMAIL)
    assert words in refused.value.errors["password"][0]


@pytest.mark.parametrize("password", ["a staple of words", "correct horse", "ключ от квартиры"])
def test_a_few_words_are_taken(password: str) -> None:
    check_password(password, EMAIL)


@given(st.text(min_size=1, max_size=6), st.integers(2, 30))
def test_no_repeated_text_is_taken(unit: str, times: int) -> None:
    with pytest.raises(Invalid):
        check_password(unit * times, EMAIL)
