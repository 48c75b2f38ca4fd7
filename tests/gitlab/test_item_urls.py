"""URLs of issues and merge requests as people paste them, and as attackers do."""

import pytest

from gitlab_links.errors import Invalid
from gitlab_links.gitlab.items import MAX_IID, ItemRef, ItemType
from gitlab_links.gitlab.pasted_text import MAX_PASTED_LENGTH
from gitlab_links.gitlab.urls import parse_base_url, parse_item_url
from tests.gitlab.addresses import BASE, NOBODY, ROOTED

ISSUE, MERGE_REQUEST = ItemType.ISSUE, ItemType.MERGE_REQUEST


@pytest.mark.parametrize(
    ("path", "ref"),
    [
        ("/group/project/-/issues/1", ItemRef("group/project", ISSUE, 1)),
        ("/group/project/-/issues/1/", ItemRef("group/project", ISSUE, 1)),
        ("/group/project/-/work_items/7", ItemRef("group/project", ISSUE, 7)),
        ("/group/project/-/issues/incident/5", ItemRef("group/project", ISSUE, 5)),
        ("/group/project/-/merge_requests/3", ItemRef("group/project", MERGE_REQUEST, 3)),
        ("/g/p/-/merge_requests/3/diffs?view=inline#x_1", ItemRef("g/p", MERGE_REQUEST, 3)),
        ("/g/p/-/merge_requests/3/commits", ItemRef("g/p", MERGE_REQUEST, 3)),
        ("/g/p/-/merge_requests/3/pipelines", ItemRef("g/p", MERGE_REQUEST, 3)),
        ("/g/p/-/issues/4/designs/a%20b.png", ItemRef("g/p", ISSUE, 4)),
        ("/g/p/-/issues/4#note_123", ItemRef("g/p", ISSUE, 4)),
        ("/g/p/-/issues/4?q=a/../b", ItemRef("g/p", ISSUE, 4)),
        ("/a/b/c/d/project/-/issues/1", ItemRef("a/b/c/d/project", ISSUE, 1)),
        ("/Group/Pro.ject_x-y/-/issues/1", ItemRef("Group/Pro.ject_x-y", ISSUE, 1)),
        ("/g/p/-/incidents/3", ItemRef("g/p", ISSUE, 3)),
        ("/g/p/incidents/3", ItemRef("g/p", ISSUE, 3)),
        ("/g/p/-/quality/test_cases/3", ItemRef("g/p", ISSUE, 3)),
        ("/g/p/-/issues/4?q=ü#\N{SNOWMAN}", ItemRef("g/p", ISSUE, 4)),
        ("/g/p/-/issues/4?q=" + "x" * 5000, ItemRef("g/p", ISSUE, 4)),
        ("/.dot/_under/-/issues/1", ItemRef(".dot/_under", ISSUE, 1)),
        (f"/g/{'p' * 255}/-/issues/1", ItemRef(f"g/{'p' * 255}", ISSUE, 1)),
        ("/g/p/issues/4", ItemRef("g/p", ISSUE, 4)),
        ("/g/p/issues/4/designs", ItemRef("g/p", ISSUE, 4)),
        ("/g/p/merge_requests/4/diffs", ItemRef("g/p", MERGE_REQUEST, 4)),
        ("/issues/issues/issues/7", ItemRef("issues/issues", ISSUE, 7)),
        ("/g/merge_requests/issues/7", ItemRef("g/merge_requests", ISSUE, 7)),
        ("/g/issues/9/issues/incident/5", ItemRef("g/issues/9", ISSUE, 5)),
        ("/issues/merge_requests/-/issues/7", ItemRef("issues/merge_requests", ISSUE, 7)),
        (f"/g/p/-/issues/{MAX_IID}", ItemRef("g/p", ISSUE, MAX_IID)),
    ],
)
@pytest.mark.parametrize("base", [BASE, ROOTED], ids=["at the root", "under a path"])
def test_an_item_url_names_its_item(base, path, ref):
    assert parse_item_url(str(base) + path, base) == ref


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("", "url_not_issue_or_mr"),
        ("/", "url_not_issue_or_mr"),
        ("/group/project", "url_not_issue_or_mr"),
        ("/group/project/-/tree/main", "url_not_issue_or_mr"),
        ("/group/project/-/snippets/1", "url_not_issue_or_mr"),
        ("/group/project/-/pipelines/1", "url_not_issue_or_mr"),
        ("/group/project/-/", "url_not_issue_or_mr"),
        ("/dashboard/issues", "url_not_issue_or_mr"),
        ("/issues/7", "url_not_issue_or_mr"),
        ("/groups/group/-/issues", "url_not_issue_or_mr"),
        ("/groups/group/-/epics/1", "url_epic_unsupported"),
        ("/groups/group/sub/-/epics/1", "url_epic_unsupported"),
        ("/groups/group/-/work_items/1", "url_epic_unsupported"),
        ("/groups/group/epics/1", "url_epic_unsupported"),
        ("/g/p/-/issues", "url_iid"),
        ("/g/p/-/issues/new", "url_iid"),
        ("/g/p/issues/new", "url_iid"),
        ("/g/p/-/issues/0", "url_iid"),
        ("/g/p/-/issues/01", "url_iid"),
        ("/g/p/-/issues/-1", "url_iid"),
        ("/g/p/-/issues/+1", "url_iid"),
        ("/g/p/-/issues/1_0", "url_iid"),
        ("/g/p/-/issues/1e3", "url_iid"),
        ("/g/p/-/issues/1.json", "url_iid"),
        ("/g/p/-/issues/%31", "url_iid"),
        ("/g/p/-/issues/" + "9" * 20, "url_iid"),
        (f"/g/p/-/issues/{MAX_IID + 1}", "url_iid"),
        ("/g/p/-/merge_requests/", "url_iid"),
        ("/p/-/issues/1", "url_project_path"),
        ("/-/issues/1", "url_project_path"),
        ("/p/issues/1", "url_project_path"),
        ("/g/../p/-/issues/1", "url_project_path"),
        ("/g/./p/-/issues/1", "url_project_path"),
        ("/g//p/-/issues/1", "url_project_path"),
        ("//g/p/-/issues/1", "url_project_path"),
        ("/g/%2e%2e/p/-/issues/1", "url_project_path"),
        ("/g/%2E%2E/p/-/issues/1", "url_project_path"),
        ("/g%2fp/-/issues/1", "url_project_path"),
        ("/g/p%2Fq/-/issues/1", "url_project_path"),
        ("/g/p/-/issues/1/..%2f2", "url_project_path"),
        ("/g/p/-/issues/1/../2", "url_project_path"),
        ("/g/p/-/issues/1/./2", "url_project_path"),
        ("/g/p/-/issues/1//", "url_project_path"),
        ("/g/p.git/-/issues/1", "url_project_path"),
        ("/g/p.GIT/-/issues/1", "url_project_path"),
        ("/g/p.atom/-/issues/1", "url_project_path"),
        ("/g/-p/-/issues/1", "url_project_path"),
        ("/g/p q/-/issues/1", "url_invalid"),
        ("/g/p%20q/-/issues/1", "url_project_path"),
        ("/g/~p/-/issues/1", "url_project_path"),
        ("/g/" + "p" * 256 + "/-/issues/1", "url_project_path"),
        ("/g/p/-/issues/1\n/g/p/-/issues/2", "url_invalid"),
        ("/g\\p/-/issues/1", "url_invalid"),
        ("/g/p/-/issues/١", "url_not_ascii"),
        ("/g/prójekt/-/issues/1", "url_not_ascii"),
        ("/g/p/-/issues/1?" + "x" * 10_000, "url_too_long"),
        ("/g/p/-/issues/" + "1" * 500, "url_too_long"),
    ],
)
@pytest.mark.parametrize("base", [BASE, ROOTED], ids=["at the root", "under a path"])
def test_a_url_that_names_no_item_is_refused_by_its_own_code(base, path, code):
    with pytest.raises(Invalid) as caught:
        parse_item_url(str(base) + path, base)
    assert caught.value.code == code
    assert caught.value.errors == {"url": [caught.value.detail]}
    assert caught.value.detail.endswith(".")


NOTHING = "This names no issue or merge request. Paste its address, or write a reference like"


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("hello", "url_invalid", NOTHING),
        ("ACME-1", "url_invalid", NOTHING),
        ("group/app", "url_invalid", NOTHING),
        ("words of a title", "url_invalid", NOTHING),
        ("Größe", "url_not_ascii", NOTHING),
        ("", "url_invalid", "Paste the address of an issue or merge request, or write"),
        ("#3", "url_invalid", "#3 leaves out the project. Write group/app#3."),
        ("(!3)", "url_invalid", "!3 leaves out the project. Write group/app!3."),
        ("group/app＃3", "url_not_ascii", "Its path contains '＃', FULLWIDTH NUMBER SIGN"),
        ("gitlab.example.com/g/p q", "url_invalid", "It contains a space"),
        ("ftp://x", "url_invalid", "It starts with ftp://"),
    ],
)
def test_what_is_no_address_is_not_judged_as_one(text, code, said):
    with pytest.raises(Invalid) as caught:
        parse_item_url(text, BASE)
    assert caught.value.code == code
    assert caught.value.detail.startswith(said)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "url_invalid"),
        (1, "url_invalid"),
        ("", "url_invalid"),
        ("#1", "url_invalid"),
        ("//gitlab.example.com/g/p/-/issues/1", "url_invalid"),
        ("gitlab.com/g/p/-/issues/1", "url_host_mismatch"),
        ("gitlab.example.com:8443/g/p/-/issues/1", "url_host_mismatch"),
        ("gitlab.example.com/g/p#1", "url_not_issue_or_mr"),
        ("me@gitlab.example.com/g/p/-/issues/1", "url_invalid"),
        ("ftp://gitlab.example.com/g/p/-/issues/1", "url_invalid"),
        ("http://gitlab.example.com/g/p/-/issues/1", "url_invalid"),
        ("http://gitlab.example.com:443/g/p/-/issues/1", "url_invalid"),
        ("https:///g/p/-/issues/1", "url_invalid"),
        ("https://gitlab.example.com:0/g/p/-/issues/1", "url_invalid"),
        ("https://me@gitlab.example.com/g/p/-/issues/1", "url_credentials"),
        ("https://gitlab.example.com@evil.example/g/p/-/issues/1", "url_credentials"),
        ("https://gitlab.com/g/p/-/issues/1", "url_host_mismatch"),
        ("http://gitlab.com/g/p/-/issues/1", "url_host_mismatch"),
        ("http://gitlab.example.com:8080/g/p/-/issues/1", "url_host_mismatch"),
        ("https://gitlab.example.com.evil.example/g/p/-/issues/1", "url_host_mismatch"),
        ("https://evil.example/gitlab.example.com/-/issues/1", "url_host_mismatch"),
        ("https://gitlab.example.com:8443/g/p/-/issues/1", "url_host_mismatch"),
    ],
)
def test_a_url_of_another_place_is_refused(text, code):
    with pytest.raises(Invalid) as caught:
        parse_item_url(text, BASE)
    assert caught.value.code == code
    assert caught.value.detail.endswith(".")


@pytest.mark.parametrize(
    "text",
    [
        "https://example.com/g/p/-/issues/1",
        "https://example.com/tools/g/-/issues/1",
        "https://example.com/tools/gitlab2/g/p/-/issues/1",
        "https://example.com/tools/gitlabx/-/issues/1",
    ],
)
def test_a_url_beside_the_relative_root_is_not_of_this_gitlab(text):
    with pytest.raises(Invalid) as caught:
        parse_item_url(text, ROOTED)
    assert caught.value.code == "url_host_mismatch"
    assert caught.value.detail.endswith(".")


@pytest.mark.parametrize(
    "text",
    [
        "https://GITLAB.example.com/g/p/-/issues/1",
        "HTTPS://gitlab.example.com:443/g/p/-/issues/1",
        "https://gitlab.example.com./g/p/-/issues/1",
    ],
)
def test_another_spelling_of_the_host_is_the_same_host(text):
    assert parse_item_url(text, BASE) == ItemRef("g/p", ISSUE, 1)


def test_an_address_without_the_port_of_this_gitlab_is_of_another_one():
    base = parse_base_url("https://gitlab.example.com:8443", NOBODY)
    for scheme in ("https", "http"):
        with pytest.raises(Invalid) as caught:
            parse_item_url(f"{scheme}://gitlab.example.com/g/p/-/issues/1", base)
        assert caught.value.code == ("url_host_mismatch" if scheme == "https" else "url_invalid")


def test_the_bound_on_the_length_of_what_is_pasted_is_exact():
    url = f"{BASE}/g/p/-/issues/1?".ljust(MAX_PASTED_LENGTH, "x")
    assert parse_item_url(url, BASE) == ItemRef("g/p", ISSUE, 1)
    with pytest.raises(Invalid) as caught:
        parse_item_url(url + "x", BASE)
    assert caught.value.code == "url_too_long"
