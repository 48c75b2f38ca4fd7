"""The one rule for addresses and names of people, wherever they come in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_links.accounts.people import checked_person
from gitlab_links.errors import Invalid


@pytest.mark.parametrize(
    ("email", "kept"),
    [
        ("Ana@Example.com", "ana@example.com"),
        (" ana+lists@mail.example.co.uk ", "ana+lists@mail.example.co.uk"),
        ("o'hara@example.com", "o'hara@example.com"),
        ("root@localhost", "root@localhost"),
    ],
)
def test_an_address_is_kept_in_lower_case(email: str, kept: str) -> None:
    assert checked_person(email, "Ana") == (kept, "Ana")


@pytest.mark.parametrize(
    "email",
    [
        "", "ana", "ana@", "@example.com", "ana@example..com", "ana@-example.com",
        "a b@example.com",
        "ana@exаmple.com", "аna@example.com", "ana\u200b@example.com", "ana@example.com\u202e",
        "ana@example\uff0ecom", "ana@example.com\n\nx", "ana@example.com, eve@example.com",
        f"{'a' * 65}@example.com", f"ana@{'a.' * 130}com",
    ],
)  # fmt: skip
def test_malformed_and_misleading_addresses_are_refused(email: str) -> None:
    with pytest.raises(Invalid) as refusal:
        checked_person(email, "Ana")
    assert list(refusal.value.errors) == ["email"]


@pytest.mark.parametrize(
    "name", ["", "x" * 101, "A\nB", "A\u200bB", "A\u202eB", "\ufeffA", "A\x00"]
)
def test_a_name_is_one_line_of_visible_characters(name: str) -> None:
    with pytest.raises(Invalid) as refusal:
        checked_person("ana@example.com", name)
    assert list(refusal.value.errors) == ["name"]


def test_a_name_has_no_blanks_around_it() -> None:
    assert checked_person("ana@example.com", "  Ana Kovač ") == ("ana@example.com", "Ana Kovač")


@pytest.mark.parametrize("name", ["Ana", "Ωμέγα Δ", "李雷", "Zoë O'Hara-Smith", "محمد"])
def test_names_of_all_scripts_are_names(name: str) -> None:
    assert checked_person("ana@example.com", name) == ("ana@example.com", name)


@given(st.text(max_size=300))
def test_no_address_that_is_taken_holds_anything_but_visible_ascii(text: str) -> None:
    try:
        email, _ = checked_person(text, "Ana")
    except Invalid:
        return
    assert email.isascii()
    assert email.isprintable()
    assert " " not in email
