"""Numbers and lists of things in words."""

from gitlab_links.plurals import counted, listed


def test_only_one_of_a_thing_is_in_the_singular() -> None:
    words = [counted(number, "task") for number in (0, 1, 2)]
    assert words == ["0 tasks", "1 task", "2 tasks"]
    assert counted(1, "delivery", "deliveries") == "1 delivery"
    assert counted(12, "delivery", "deliveries") == "12 deliveries"


def test_a_number_is_written_as_asked() -> None:
    assert counted(1234, "call", form=",") == "1,234 calls"
    assert [counted(days, "day", form="g") for days in (1.0, 2.5)] == ["1 day", "2.5 days"]


def test_the_last_of_a_list_is_joined_by_a_word() -> None:
    words = ["a", "b", "c"]
    assert [listed(words[:count]) for count in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert listed(words, "or") == "a, b or c"
