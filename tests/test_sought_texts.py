"""Texts to filter by: what one door takes, all take."""

from hypothesis import example, given
from hypothesis import strategies as st
from marshmallow import ValidationError

from gitlab_links.api.schemas.tasks import TasksQuery
from gitlab_links.finding.list_query import ListQuery
from gitlab_links.sought_texts import MAX_LENGTH, fault_of, is_blank, sought

TEXTS = st.text(max_size=30) | st.text("ab \t\n\x85\x1f\0\ufffd", max_size=MAX_LENGTH + 5)


@given(TEXTS)
@example("x" * MAX_LENGTH)
@example("x" * (MAX_LENGTH + 1))
@example("release\0 2")
@example(" two\nlines\n")
def test_page_and_api_take_the_same_texts(text: str) -> None:
    read = ListQuery.read({"q": text, "label": text}, sees_links=True)
    try:
        asked = TasksQuery().load({} if is_blank(text) else {"q": text, "label": text})
    except ValidationError:
        assert fault_of(text)
        assert read == ListQuery()
    else:
        assert not fault_of(text)
        assert (read.q or None, read.label or None) == (asked["q"], asked["label"])


@given(TEXTS)
def test_a_text_is_whole_or_not_taken(text: str) -> None:
    assert sought(text) in {text.strip(), ""}
    assert not (is_blank(text) and fault_of(text)) or len(text) > MAX_LENGTH
