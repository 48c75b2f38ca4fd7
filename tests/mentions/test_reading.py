"""Which tasks the texts of an item mention, close and take back: every case by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_links.gitlab.snapshot import UNKNOWN, ItemText
from gitlab_links.mentions.pattern import pattern_of
from gitlab_links.mentions.reading import (
    MAX_TASKS,
    all_names,
    has_too_many,
    mentions_of,
    read_field,
    read_mentions,
)

URL = "https://tasks.example.com/orgs/0192f1d0-0000-7000-8000-000000000001/tasks/"
TASK_ID = "0192f1d0-aaaa-7bbb-8ccc-00000000000a"
ACME = pattern_of(("ACME", "OLD"), URL)


def read(text, field="description", pattern=ACME):
    found = read_field(field, text, pattern)
    return set(found.mentions), set(found.closes), set(found.skips)


def mentioned(text, field="description", pattern=ACME):
    found = read_field(field, text, pattern)
    return set(found.mentions | found.closes)


@pytest.mark.parametrize(
    "text",
    [
        "ACME-12",
        "See ACME-12.",
        "(ACME-12)",
        "[ACME-12](https://example.com)",
        "ACME-12: mend the pump",
        "ACME-12-fix",
        "**ACME-12**",
        '"ACME-12"',
        "ACME-12's pump",
        "任务ACME-12完成",
        "Für ACME-12, überall",
        "Задача ACME-12 готова",
        "تم إصلاح ACME-12.",
        "対応ACME-12を修正",
        "l’ACME-12 est finie",
        "OLD-12 was its former key",
        f"see {URL}ACME-12",
        f"see {URL}acme-12?a=b",
        f"<{URL}ACME-12>",
        "- [ ] ACME-12",
        "1. a list\n\n    ACME-12 goes on in the list",
        "a\n    ACME-12 is no code within a paragraph",
        "`unclosed ACME-12",
        "one ` tick\n\nACME-12 and another ` elsewhere",
        "<!-- a -->ACME-12",
        "`<!--` ACME-12 `-->`",
        "> quoted\n\nACME-12",
        "```\ncode\n```\nACME-12",
        "~~~\n```\n~~~\nACME-12",
    ],
)
def test_a_key_in_prose_is_a_mention(text):
    assert mentioned(text) == {12}


@pytest.mark.parametrize(
    "text",
    [
        "UTF-8, SHA-256 and CVE-2026-1",
        "acme-12",
        "Acme-12",
        "XACME-12",
        "X-ACME-12",
        "x_ACME-12",
        "v1.ACME-12",
        "https://jira.example.com/browse/ACME-12",
        "src/ACME-12/main.c",
        "ACME-12a",
        "ACME-12_3",
        "ACME-12-3",
        "ACME-0",
        "ACME-012",
        "ACME-1234567890",
        "ACME12",
        "ACME -12",
        "ACME--12",
        "ACME-",
        "ACME-x",
        "STAR-11072-For-5.2-demo",
        "on 11-245",
        "abcd-123lfr1m",
        "`ACME-12`",
        "``a ` ACME-12``",
        "`a\nACME-12`",
        "``` ACME-12 ``` `",
        "```\nACME-12\n```",
        "```text\nACME-12",
        "  ~~~~\n  ACME-12\n~~~\nACME-12\n  ~~~~",
        "- item\n  ```\n  ACME-12\n  ```",
        "text\n\n    ACME-12\n\n    ACME-12",
        "\tACME-12",
        "<!-- ACME-12 -->",
        "a <!-- b\nACME-12\n-->",
        "<!-- ```\nACME-12\n> -->",
        "<!-- never ends ACME-12",
        "> ACME-12",
        ">>>\nACME-12\n>>>",
        "<pre>ACME-12</pre>",
        "<code class='x'>\nACME-12\n</code>",
        f"{URL}ACME-12-3",
        f"{URL}ACME-12x",
        URL.replace("example", "evil") + "ACME-12",
        URL.replace("0001", "0002") + "ACME-12",
        "",
    ],
)
def test_what_only_resembles_a_key_is_none(text):
    assert mentioned(text) == set()


def test_a_key_of_another_org_is_none():
    star, short = pattern_of(("STAR",), URL), pattern_of(("FOR",), URL)
    assert mentioned("STAR-11072-For-5.2-demo", pattern=short) == set()
    assert mentioned("STAR-11072-For-5.2-demo", "source_branch", short) == set()
    assert mentioned("star-11072-for-5.2-demo", "source_branch", star) == {11072}


def test_the_address_of_a_task_is_a_mention_by_its_id():
    assert mentioned(f"Closes {URL}{TASK_ID.upper()}") == {TASK_ID}
    assert read(f"Closes {URL}{TASK_ID}")[1] == {TASK_ID}


@pytest.mark.parametrize(
    ("branch", "tasks"),
    [
        ("acme-12", {12}),
        ("ACME-12-mend-the-pump", {12}),
        ("acme-12-2fa", {12}),
        ("feature/acme-12", {12}),
        ("sam_acme-12_pump", {12}),
        ("release.acme-12", {12}),
        ("acme-12-acme-13", {12, 13}),
        ("old-7/x", {7}),
        ("acme-12/acme-12", {12}),
        ("acme-12ä", set()),
        ("acme-12x", set()),
        ("pacme-12", set()),
        ("acme-5.2", set()),
        ("acme-0", set()),
        ("11-245", set()),
        ("abcd-123lfr1m", set()),
        ("main", set()),
    ],
)
def test_a_branch_mentions_in_any_case(branch, tasks):
    assert mentioned(branch, "source_branch") == tasks


@pytest.mark.parametrize(
    ("text", "closed", "only_mentioned"),
    [
        ("Closes ACME-12", {12}, set()),
        ("closing: ACME-12", {12}, set()),
        ("Fixes ACME-1, ACME-2 and ACME-3", {1, 2, 3}, set()),
        ("Fixes ACME-1, ACME-2, and ACME-3. See ACME-4", {1, 2, 3}, {4}),
        ("Resolves issues ACME-1 ACME-2", {1, 2}, set()),
        ("Implements #5, group/app!3, ACME-1", {1}, set()),
        ("Fixes https://gitlab.example.com/a/b/-/issues/1 and ACME-1", {1}, set()),
        ("Fixes PROJ-1, ACME-1", {1}, set()),
        ("Closes [ACME-1](https://example.com/x), [ACME-2]", {1, 2}, set()),
        ("Closes [ACME-1], [ACME-2] and ACME-3", {1, 2, 3}, set()),
        ("Closes the pump. Closes ACME-2", {2}, set()),
        ("Fixes\nACME-1", set(), {1}),
        ("Fixes ACME-1,\nACME-2", {1}, {2}),
        ("Fixes the pump of ACME-1", set(), {1}),
        ("prefixes ACME-1", set(), {1}),
        ("ACME-1 is closed", set(), {1}),
        ("ACME-1 and then closes ACME-1", {1}, set()),
        ("fixes `x` ACME-1", set(), {1}),
        ("fixes acme-1", set(), set()),
        ("Closes ACME-1 or ACME-2", {1}, {2}),
    ],
)
def test_closing_words_close_the_whole_list_on_their_line(text, closed, only_mentioned):
    found = read_field("description", text, ACME)
    assert (set(found.closes), set(found.mentions)) == (closed, only_mentioned)


def stored(**texts):
    return read_mentions(ItemText(**texts), ACME)


def linked(mentions):
    everything = {number: number for number in range(1, 100)}
    return {n: (m.fields, m.closes) for n, m in mentions_of(mentions, everything).items()}


def test_what_is_stored_has_the_tasks_by_field_and_not_the_text():
    found = stored(title="ACME-1: x", description="Closes ACME-2, ACME-1", source_branch="acme-3")
    assert found == {
        "title": {"mentions": [1]},
        "description": {"closes": [1, 2]},
        "source_branch": {"mentions": [3]},
    }
    assert linked(found) == {
        1: (("title", "description"), True),
        2: (("description",), True),
        3: (("source_branch",), False),
    }


def test_skip_takes_a_mention_back_in_every_field():
    found = stored(title="ACME-1", description="Skip ACME-1, ACME-2", source_branch="acme-2-3")
    assert linked(found) == {}


def test_a_revert_mentions_and_never_closes():
    found = stored(title='Revert "Closes ACME-1"', description="Fixes ACME-2")
    assert linked(found) == {1: (("title",), False), 2: (("description",), False)}
    assert linked(stored(title='Revert "x"', description="Fixes ACME-2"))[2][1] is False
    # Not a revert any more; and one whose source has no title keeps what is known.
    assert linked(stored(title="Closes ACME-1"))[1][1] is True
    again = read_mentions(ItemText(description="Fixes ACME-3"), ACME, found)
    assert linked(again) == {1: (("title",), False), 3: (("description",), False)}


def test_a_field_that_the_source_does_not_have_is_as_it_was():
    before = stored(title="ACME-1", description="ACME-2", source_branch="acme-3")
    assert read_mentions(ItemText(), ACME, before) == before
    assert linked(read_mentions(ItemText(title=None), ACME, before)) == {
        2: (("description",), False),
        3: (("source_branch",), False),
    }


def test_an_item_that_names_more_than_20_tasks_links_none():
    names = [f"ACME-{number}" for number in range(1, MAX_TASKS + 2)]
    few, many = stored(description=" ".join(names[:-1])), stored(description=" ".join(names))
    assert (len(linked(few)), linked(many)) == (MAX_TASKS, {})
    assert (has_too_many(few), has_too_many(many)) == (False, True)
    assert has_too_many(stored(title=names[-1], description=" ".join(names[:-1])))
    assert not has_too_many(stored(title=f"Skip {names[-1]}", description=" ".join(names[:-1])))
    assert stored(description=" ".join(names)) == {"description": {"too_many": True}}


def test_tasks_that_several_fields_close_count_together():
    halves = [
        "Closes " + ", ".join(f"ACME-{number}" for number in numbers)
        for numbers in (range(1, 12), range(12, MAX_TASKS + 2))
    ]
    assert has_too_many(stored(title=halves[0], description=halves[1]))


def test_numbers_are_stored_before_ids_and_fields_shown_in_their_order():
    found = stored(description=f"{URL}{TASK_ID} ACME-12 ACME-3", source_branch="acme-3")
    assert found["description"] == {"mentions": [3, 12, TASK_ID]}
    with_comment = {"comment": {"mentions": [3]}, **dict(reversed(found.items()))}
    assert linked(with_comment)[3] == (("description", "source_branch", "comment"), False)


def test_what_comments_mention_stays_when_the_texts_are_read_again():
    comment = {"comment": {"mentions": [7]}}
    for text in (ItemText(title="ACME-1"), ItemText(title="x")):
        assert read_mentions(text, ACME, comment)["comment"] == comment["comment"]


def test_all_names_are_those_mentioned_closed_and_taken_back():
    found = stored(title="ACME-1", description="Closes ACME-2. Skip ACME-3")
    assert all_names(found) == {1, 2, 3}


def test_two_names_of_one_task_are_one_mention():
    found = stored(title="ACME-1", description=f"Fixes {URL}{TASK_ID}")
    assert mentions_of(found, {1: "task", TASK_ID: "task"})["task"].closes is True
    found = stored(description=f"ACME-1. Fixes {URL}{TASK_ID}")
    assert mentions_of(found, {1: "task", TASK_ID: "task"})["task"].fields == ("description",)


def test_only_tasks_that_exist_are_mentioned():
    assert mentions_of(stored(title="ACME-1 ACME-2"), {2: "two"}).keys() == {"two"}


prose = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(prose, prose, st.integers(1, 999_999_999))
def test_a_key_between_any_two_spaces_on_a_line_of_its_own_is_found(before, after, number):
    text = f"{before}\n\nsee ACME-{number} here\n\n{after}"
    opened = any(sign in before for sign in ("```", "~~~", "<", ">>>"))
    assert opened or number in mentioned(text)


@given(prose, st.integers(1, 999_999))
def test_nothing_that_continues_a_word_is_a_key(text, number):
    for word in (f"x{text}aACME-{number}", f"ACME-{number}x", f"/ACME-{number}", f".ACME-{number}"):
        assert number not in mentioned(f"{word}")


@given(st.text("`~<>!-\n \tACME-1pre/code", max_size=300))
def test_no_markdown_breaks_the_reading(text):
    found = read_field("description", text, ACME)
    assert {type(task) for task in found.mentions | found.closes} <= {int}


@given(st.text(max_size=40))
def test_code_quotes_and_comments_mention_nobody(text):
    inner = " ".join(text.replace("`", "").replace("-->", "").split())
    for made in (f"```\n{inner} ACME-1\n```", f"> {inner} ACME-1", f"<!-- {inner} ACME-1 -->"):
        assert mentioned(made) == set()


@given(st.dictionaries(st.sampled_from(["title", "description", "source_branch"]), prose))
def test_reading_twice_is_reading_once(texts):
    text = ItemText(**texts)
    once = read_mentions(text, ACME)
    assert read_mentions(text, ACME, once) == once
    assert read_mentions(ItemText(UNKNOWN, UNKNOWN, UNKNOWN), ACME, once) == once


@pytest.mark.parametrize(
    "piece",
    ["`", "``", "` `` ", "<!--", "<!-- -->", "<!---->`", "fix ", "fixes ACME-1, ", "fix" + " " * 50,
     "ACME-1 and ", "> \n", "```\n", "ACME-", "[", "<pre>", "</code><pre ", "- \n    ", "\n\n    x",
     "closes [ACME-1](", "a/b", "skip #1 ", "\n \t"],
)  # fmt: skip
def test_a_long_text_is_read_in_one_go(piece):
    """A stranger may write it. What grows with the square of its length would take minutes."""
    text = (piece * (200_000 // len(piece) + 1))[:200_000] + "\n\n-->\n```\nACME-7"
    assert mentioned(text) <= {1, 7}
