"""Every address is either read and written back unchanged, or refused with a code."""

from hypothesis import example, given
from hypothesis import strategies as st

from gitlab_links.errors import Invalid
from gitlab_links.gitlab.items import MAX_IID, ItemRef, ItemType
from gitlab_links.gitlab.urls import BaseUrl, item_url, parse_base_url, parse_item_url
from tests.gitlab.addresses import BASE, NOBODY, ROOTED

SEGMENT = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,12}[A-Za-z0-9_]", fullmatch=True).filter(
    lambda text: not text.lower().endswith((".git", ".atom"))
)
PATHS = st.lists(SEGMENT, min_size=2, max_size=6).filter(lambda parts: parts[0] != "groups")
REFS = st.builds(
    ItemRef,
    PATHS.map("/".join),
    st.sampled_from(ItemType),
    st.integers(min_value=1, max_value=MAX_IID),
)


@given(REFS, st.sampled_from([BASE, ROOTED]))
def test_the_url_of_an_item_names_that_item(ref, base):
    assert parse_item_url(item_url(base, ref), base) == ref
    assert item_url(str(base), ref) == item_url(base, ref)


@given(REFS)
def test_the_old_form_of_a_url_names_the_same_item(ref):
    assert parse_item_url(item_url(BASE, ref).replace("/-/", "/"), BASE) == ref


ANYTHING = st.one_of(
    st.text(),
    st.from_regex(r"https?://[a-z0-9.@:\[\]%\\-]{0,30}(/[ -~]{0,60})?", fullmatch=True),
    st.from_regex(r"https://gitlab\.example\.com/[-a-z0-9_./%?#]{0,60}", fullmatch=True),
    st.none() | st.integers() | st.binary() | st.lists(st.text()),
)


@given(ANYTHING)
@example("https://[")
@example("https://]")
@example("https://[]")
def test_no_text_makes_the_base_url_parser_fail(text):
    try:
        base = parse_base_url(text, NOBODY)
    except Invalid as error:
        assert error.code.startswith("base_url_")
    else:
        assert isinstance(base, BaseUrl)
        assert base.scheme == "https"
        assert parse_base_url(str(base), NOBODY) == base


@given(ANYTHING)
def test_no_text_makes_the_item_url_parser_fail(text):
    try:
        ref = parse_item_url(text, BASE)
    except Invalid as error:
        assert error.code.startswith("url_")
    else:
        assert parse_item_url(item_url(BASE, ref), BASE) == ref
