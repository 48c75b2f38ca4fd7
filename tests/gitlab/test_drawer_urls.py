"""Addresses of pages that show an item in a drawer: the item in it is what was meant."""

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_links.errors import Invalid
from gitlab_links.gitlab.items import ItemRef, ItemType
from gitlab_links.gitlab.urls import parse_item_url
from tests.gitlab.addresses import BASE, ROOTED
from tests.gitlab.test_url_properties import PATHS, REFS

PAGES = [
    "/g/p/-/issues",
    "/g/p/-/issues/",
    "/g/p/-/issues/10",
    "/g/p/-/work_items",
    "/g/p/-/work_items/10",
    "/g/p/-/boards",
    "/g/p/-/boards/4",
    "/g/p/-/milestones/3",
    "/g/p/-/merge_requests/10",
    "/groups/g/-/issues",
    "/groups/g/sub/-/issues",
    "/groups/g/-/boards/4",
    "/groups/g/-/work_items",
    "/groups/g/-/epics/7",
    "/dashboard/issues",
    "/g/p/issues",
    "/g/p/boards/4",
]


def show(full_path: str, iid: object, *, padded: bool = False, urlsafe: bool = True) -> str:
    text = json.dumps({"iid": iid, "full_path": full_path, "id": 4711})
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    encoded = encode(text.encode()).decode()
    return encoded if padded else encoded.rstrip("=")


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("base", [BASE, ROOTED], ids=["at the root", "under a path"])
def test_the_item_in_the_drawer_is_linked_on_every_page(base, page):
    for query in (show("g/p", "12"), show("g/p", 12, padded=True), show("g/p", 12, urlsafe=False)):
        url = f"{base}{page}?sort=created_date&show={query}&state=all#x"
        assert parse_item_url(url, base) == ItemRef("g/p", ItemType.ISSUE, 12)


@pytest.mark.parametrize("left", ["/", ")", "…", "/).", "/#note_1"])
@pytest.mark.parametrize("page", ["/g/p/-/issues/", "/g/p/-/issues/10/", "/groups/g/-/issues/"])
def test_what_is_left_behind_the_address_of_a_drawer_is_dropped(page, left):
    shown = [show("g/p", "12"), show("g/p", "12", padded=True).replace("=", "%3D")]
    for query in (*(f"show={text}" for text in shown), "work_item_iid=12"):
        if query.startswith("show") or not page.startswith("/groups"):
            found = parse_item_url(f"{BASE}{page}?{query}{left}", BASE)
            assert found == ItemRef("g/p", ItemType.ISSUE, 12)


@given(PATHS, st.integers(1, 10**9), st.integers(1, 5))
def test_an_address_cut_off_within_its_drawer_links_nothing(path, iid, lost):
    cut = show("/".join(path), str(iid))[:-lost]
    with pytest.raises(Invalid):
        parse_item_url(f"{BASE}/g/p/-/issues/10?show={cut}…", BASE)


def test_the_item_in_the_drawer_may_be_of_another_project():
    url = f"{BASE}/groups/g/-/boards/4?show={show('g/sub/other', '12')}"
    assert parse_item_url(url, BASE) == ItemRef("g/sub/other", ItemType.ISSUE, 12)


@pytest.mark.parametrize(
    "page",
    ["/g/p/-/issues", "/g/p/-/issues/10", "/g/p/-/boards/4", "/g/p/-/work_items", "/g/p/issues"],
)
def test_an_iid_alone_is_of_the_project_of_the_page(page):
    url = f"{BASE}{page}?work_item_iid=12"
    assert parse_item_url(url, BASE) == ItemRef("g/p", ItemType.ISSUE, 12)


@pytest.mark.parametrize(
    ("page", "full_path"),
    [
        ("/groups/g/-/work_items", "g"),
        ("/groups/g/sub/-/work_items", "g/sub"),
        ("/groups/g/sub/-/issues", "G/Sub"),
        ("/groups/g/sub/deep/-/issues", "g/sub"),
        ("/groups/g/-/epics", "g/sub"),
        ("/groups/g/-/epic_boards/3", "g/sub"),
        ("/g/p/-/issues/10", "g"),
    ],
)
def test_an_epic_in_the_drawer_is_refused_as_one(page, full_path):
    with pytest.raises(Invalid) as caught:
        parse_item_url(f"{BASE}{page}?show={show(full_path, 12)}", BASE)
    assert caught.value.code == "url_epic_unsupported"


@pytest.mark.parametrize(
    "query",
    [
        "show=%21",
        "show=e30",
        "show=W10",
        "show=" + "W" * 5000,
        "show=" + base64.urlsafe_b64encode(b"[" * 2000).decode(),
        f"show={show('g/p', 12)}&show={show('g/p', 13)}",
        f"show={show('g/p', 0)}",
        f"show={show('g/p', 1.5)}",
        f"show={show('', 12)}",
        "work_item_iid=x",
        "work_item_iid=1&work_item_iid=2",
        "work_item_id=4711",
    ],
)
def test_a_drawer_that_cannot_be_read_never_links_the_page_beneath(query):
    with pytest.raises(Invalid) as caught:
        parse_item_url(f"{BASE}/g/p/-/issues/10?{query}", BASE)
    assert caught.value.code == "url_not_issue_or_mr"
    assert "Open the item on a page of its own and paste that" in caught.value.detail


@pytest.mark.parametrize("query", ["show=", "work_item_iid=", "showing=e30", "q=show"])
def test_a_query_that_opens_no_drawer_is_dropped(query):
    found = parse_item_url(f"{BASE}/g/p/-/issues/10?{query}", BASE)
    assert found == ItemRef("g/p", ItemType.ISSUE, 10)


def test_an_item_of_a_group_is_an_epic_where_its_project_is_not_named():
    with pytest.raises(Invalid) as caught:
        parse_item_url(f"{BASE}/groups/g/-/work_items?work_item_iid=3", BASE)
    assert caught.value.code == "url_epic_unsupported"


@pytest.mark.parametrize("path", ["../x", "g/p/-/q", "g/p.git", "g/р", "groups/p", "g//p"])
def test_the_project_in_a_drawer_is_checked_as_any_other(path):
    with pytest.raises(Invalid) as caught:
        parse_item_url(f"{BASE}/g/p/-/issues?show={show(path, 12)}", BASE)
    assert caught.value.code in {"url_project_path", "url_not_ascii"}


@given(REFS, PATHS.map("/".join), st.sampled_from(["issues", "issues/10", "boards/4"]))
def test_every_item_in_a_drawer_names_itself(ref, beneath, page):
    url = f"{BASE}/{beneath}/-/{page}?show={show(ref.project_path, ref.iid)}"
    assert parse_item_url(url, BASE) == ItemRef(ref.project_path, ItemType.ISSUE, ref.iid)


@given(st.text(min_size=1, max_size=60), st.sampled_from(["show", "work_item_iid", "work_item_id"]))
def test_no_drawer_links_the_page_beneath_instead(value, name):
    try:
        ref = parse_item_url(f"{BASE}/g/p/-/issues/10?{name}={quote(value, safe='')}", BASE)
    except Invalid as error:
        assert error.code == "url_not_issue_or_mr"
    else:
        assert name == "work_item_iid"
        assert ref.iid == int(value)
