"""What people paste: addresses in brackets, in sentences, without https://, and references."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_links.errors import Invalid
from gitlab_links.gitlab.items import ItemRef, ItemType
from gitlab_links.gitlab.pasted_text import MAX_PASTED_LENGTH, Reference, short_reference
from gitlab_links.gitlab.urls import item_url, parse_base_url, parse_item_url
from tests.gitlab.addresses import BASE, NOBODY, ROOTED
from tests.gitlab.test_url_properties import REFS

ISSUE = ItemRef("g/p", ItemType.ISSUE, 3)
URL = item_url(BASE, ISSUE)


@pytest.mark.parametrize(
    "text",
    [
        f" {URL}\n",
        f"\t{URL}\N{NO-BREAK SPACE}",
        f"{URL}.",
        f"{URL},",
        f"{URL}?",
        f"{URL}).".replace(")", ""),
        f"<{URL}>",
        f"<{URL}>.",
        f"( {URL} )",
        f'"{URL}"',
        f"`{URL}`",
        f"<{URL}|g/p#3>",
        f"[g/p#3]({URL})",
        f"[Fix [WIP] it (soon)]({URL}).",
        f'[text]({URL} "Its title")',
        f"[text](<{URL}>)",
        f"{URL})",
        f"({URL}",
        f"{URL}).",
        f"{URL}...",
        f"{URL}…",
        f"{URL}…)",
        f"{URL}/)",
        f'{URL}"',
        f"“{URL}”",
        f"„{URL}“,",
        f"«{URL}»",
        f"（{URL}）。",
        f"**{URL}**",
        f"[{URL}]",
        f"{URL}#note_1)…",
        "(g/p#3",
        "g/p#3)…",
        URL.removeprefix("https://"),
        f"<{URL.removeprefix('https://')}>",
        URL.removeprefix("https://").replace("gitlab", "GitLab", 1),
        URL.removeprefix("https://").replace(".com/", ".com:443/"),
        URL.removeprefix("https://") + "?return=https://example.com",
        "g/p#3",
        "g/p#3.",
        "`g/p#3`",
        "g/p#3+",
        "g/p#3+s",
        "[issue:g/p/3]",
        "[work_item:g/p/3]",
    ],
)
def test_the_item_is_found_in_what_was_pasted(text):
    assert parse_item_url(text, BASE) == ISSUE


@given(REFS, st.sampled_from([BASE, ROOTED]))
def test_every_reference_names_its_item(ref, base):
    assert parse_item_url(str(ref), base) == ref


def test_an_address_in_brackets_is_no_title_of_a_link():
    pasted = "[x]( (gitlab.example.com/g/p/-/issues/1) )"
    assert parse_item_url(pasted, BASE) == ItemRef("g/p", ItemType.ISSUE, 1)


@given(
    REFS,
    st.sampled_from([BASE, ROOTED]),
    st.lists(
        st.sampled_from(["<{}>", "({})", "[x]({})", "{}.", " {} ", '"{}"']), max_size=4, unique=True
    ),
    st.booleans(),
)
def test_every_address_is_found_within_wrappers(ref, base, wrappers, with_scheme):
    text = item_url(base, ref)
    text = text if with_scheme else text.removeprefix("https://")
    for wrapper in wrappers:
        text = wrapper.format(text)
    assert parse_item_url(text, base) == ref


MARKS = st.text(st.sampled_from(".,;:!?…。，)]}>\"'`*”“’»）/"), max_size=6)


@given(REFS, MARKS, MARKS, st.sampled_from(["", "?a=b", "#note_1"]))
def test_marks_around_an_address_never_make_it_name_another_item(ref, before, behind, suffix):
    try:
        found = parse_item_url(f"{before}{item_url(BASE, ref)}{suffix}{behind}", BASE)
    except Invalid:
        return
    assert found == ref


@given(REFS, st.sampled_from(["…", "...", ")", ").", ")…", '"', "”", "]", "’,", "）。"]))
def test_what_a_sentence_leaves_behind_an_address_is_dropped(ref, left):
    assert parse_item_url(item_url(BASE, ref) + left, BASE) == ref
    assert parse_item_url(f"{ref}{left}", BASE) == ref


@given(
    REFS,
    st.text(
        st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp"), exclude_characters="&;="),
        max_size=2000,
    ),
)
def test_what_is_dropped_may_be_anything_but_a_second_address(ref, dropped):
    for sign in "?#":
        assert parse_item_url(f"{item_url(BASE, ref)}{sign}q{dropped}0", BASE) == ref


def test_a_host_of_a_single_label_needs_no_scheme_either():
    base = parse_base_url("https://gitlab", NOBODY)
    assert parse_item_url("gitlab/g/p/-/issues/3", base) == ISSUE


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"{URL} and {URL}", "url_invalid"),
        (f"[a]({URL}) [b]({URL})", "url_invalid"),
        (f"see {URL}", "url_invalid"),
        ("g/p&3", "url_epic_unsupported"),
        ("[epic:g/3]", "url_epic_unsupported"),
        ("g/p#0", "url_iid"),
        ("p#3", "url_project_path"),
        ("g/p/../q#3", "url_project_path"),
        ("g/р#3", "url_not_ascii"),
        ("gіtlab.example.com/g/p/-/issues/3", "url_not_ascii"),
        (f"{URL}\N{ZERO WIDTH SPACE}", "url_not_ascii"),
        (f"\N{RIGHT-TO-LEFT OVERRIDE}{URL}", "url_not_ascii"),
        ("[" * 5000 + "](" * 2000, "url_too_long"),
        ("<" * 5000 + ">" * 4000, "url_too_long"),
    ],
)
def test_what_names_no_single_item_is_refused(text, code):
    with pytest.raises(Invalid) as caught:
        parse_item_url(text, BASE)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("app#3", Reference("app", "#", "3")),
        ("(app!12).", Reference("app", "!", "12")),
        ("group/app#3", None),
        ("group&1", None),
        ("#3", None),
        ("app", None),
        ("app#3".rjust(MAX_PASTED_LENGTH), Reference("app", "#", "3")),
        ("app#3".rjust(MAX_PASTED_LENGTH + 1), None),
    ],
)
def test_a_short_reference_leaves_out_the_groups(text, found):
    assert short_reference(text) == found
