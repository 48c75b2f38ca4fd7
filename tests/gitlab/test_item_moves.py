"""References in system notes, read as GitLab writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_links.gitlab.item_moves import read_moves
from gitlab_links.gitlab.items import ItemRef, ItemType


def note(body, **more):
    return {"id": 1, "body": body, "system": True} | more


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ("moved to ships/hull#7", ("ships/hull", 7)),
        ("moved to hull#7", ("fleet/old/hull", 7)),
        ("moved to a/b/c/d#1234", ("a/b/c/d", 1234)),
        ("moved from ships/hull#7", None),
        ("moved to #7", None),
        ("moved to ships/hull#0", None),
        ("moved to ships/../hull#7", None),
        ("I moved to ships/hull#7", None),
        ("moved to ships/hull", None),
        ("", None),
        (None, None),
    ],
)
def test_a_system_note_names_the_new_place_of_an_issue(body, place):
    wanted = [] if place is None else [ItemRef(place[0], ItemType.ISSUE, place[1])]
    assert read_moves([note(body)], "fleet/old/engine") == wanted


@pytest.mark.parametrize("system", [False, None, "true", 1])
def test_what_people_write_is_no_system_note(system):
    assert read_moves([note("moved to ships/hull#7", system=system)], "fleet/engine") == []


def test_notes_are_read_in_their_order():
    notes = [note("moved to ships/two#2"), note("closed"), note("moved to ships/one#1")]
    assert [ref.iid for ref in read_moves(notes, "fleet/engine")] == [2, 1]


@given(st.recursive(st.none() | st.booleans() | st.text() | st.integers(), st.lists))
def test_other_notes_name_no_new_place(value):
    assert read_moves(value, "fleet/engine") == []
    assert read_moves([value, {"body": value, "system": True}], "fleet/engine") == []
