"""GitLab addresses as people paste them, and as attackers do."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gitlab_links.allowed_hosts import AllowedHosts
from gitlab_links.errors import Invalid
from gitlab_links.gitlab.items import MAX_IID, ItemRef, ItemType
from gitlab_links.gitlab.urls import BaseUrl, item_url, parse_base_url, parse_item_url

NOBODY = AllowedHosts.parse([])
LISTED = AllowedHosts.parse(["gitlab.lan", "gitlab.lan:8443", "localhost:8080", "10.0.0.0/8"])
BASE = parse_base_url("https://gitlab.example.com", NOBODY)
ROOTED = parse_base_url("https://example.com/tools/gitlab", NOBODY)
ISSUE, MERGE_REQUEST = ItemType.ISSUE, ItemType.MERGE_REQUEST


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("https://gitlab.com", "https://gitlab.com"),
        ("https://gitlab.com/", "https://gitlab.com"),
        ("HTTPS://GitLab.COM", "https://gitlab.com"),
        ("https://gitlab.com:443", "https://gitlab.com"),
        ("https://gitlab.com:8443/", "https://gitlab.com:8443"),
        ("https://gitlab.com.", "https://gitlab.com"),
        ("https://example.com/gitlab/", "https://example.com/gitlab"),
        ("https://example.com/Tools/GitLab", "https://example.com/Tools/GitLab"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://gitlab", "https://gitlab"),
        ("https://8.8.8.8", "https://8.8.8.8"),
        ("https://[2606:4700::1111]", "https://[2606:4700::1111]"),
        ("https://[2606:4700:0:0::1111]:8443/x", "https://[2606:4700::1111]:8443/x"),
        ("http://gitlab.lan", "http://gitlab.lan"),
        ("http://gitlab.lan:80", "http://gitlab.lan"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://10.1.2.3", "http://10.1.2.3"),
    ],
)
def test_a_base_url_is_normalised(text, normalised):
    base = parse_base_url(text, LISTED)
    assert str(base) == normalised
    assert parse_base_url(normalised, LISTED) == base


BAD_BASES = [
    (None, "invalid"),
    (7, "invalid"),
    (["https://gitlab.com"], "invalid"),
    ("", "invalid"),
    (" https://gitlab.com", "invalid"),
    ("https://gitlab.com\n", "invalid"),
    ("https://git\x00lab.com", "invalid"),
    ("https://git\tlab.com", "invalid"),
    ("https://gitlab.com\\@evil.example", "invalid"),
    ("https:\\\\gitlab.com", "invalid"),
    ("https://gitlab.com?x=1", "invalid"),
    ("https://gitlab.com/#top", "invalid"),
    ("https://gitlab.com#", "invalid"),
    ("https://gitlab.com/" + "a" * 482, "too_long"),
    ("https://gitläb.com", "not_ascii"),
    ("https://gitlab.com/\u202e", "not_ascii"),
    ("https://gitlab。com", "not_ascii"),
    ("gitlab.com", "scheme"),
    ("//gitlab.com", "scheme"),
    ("https:gitlab.com", "scheme"),
    ("https:/gitlab.com", "scheme"),
    ("ftp://gitlab.com", "scheme"),
    ("javascript:alert(1)", "scheme"),
    ("file:///etc/passwd", "scheme"),
    ("http://gitlab.com", "scheme"),
    ("http://localhost:8081", "scheme"),
    ("https://user@gitlab.com", "credentials"),
    ("https://user:secret@gitlab.com", "credentials"),
    ("https://@gitlab.com", "credentials"),
    ("https://gitlab.com@evil.example", "credentials"),
    ("https://", "host"),
    ("https:///path", "host"),
    ("https://.", "host"),
    ("https://gitlab..com", "host"),
    ("https://gitlab.com..", "host"),
    ("https://-gitlab.com", "host"),
    ("https://git_lab.com", "host"),
    ("https://git%6cab.com", "host"),
    ("https://" + "a" * 64 + ".com", "host"),
    ("https://" + "a." * 127 + "com", "host"),
    ("https://127.1", "host"),
    ("https://2130706433", "host"),
    ("https://0x7f000001", "host"),
    ("https://0x7f.1", "host"),
    ("https://0177.0.0.1", "host"),
    ("https://017700000001", "host"),
    ("https://127.0.0.1.", "blocked_address"),
    ("https://256.1.1.1", "host"),
    ("https://1.2.3.4.5", "host"),
    ("https://[::1", "host"),
    ("https://[127.0.0.1]", "host"),
    ("https://[fe80::1%25eth0]", "host"),
    ("https://[::1]x", "host"),
    ("https://gitlab.com:", "port"),
    ("https://gitlab.com:0", "port"),
    ("https://gitlab.com:65536", "port"),
    ("https://gitlab.com:-1", "port"),
    ("https://gitlab.com:+443", "port"),
    ("https://gitlab.com:4_4", "port"),
    ("https://gitlab.com:0443", "port"),
    ("https://gitlab.com:443:443", "port"),
    ("https://gitlab.com//", "path"),
    ("https://gitlab.com/a//b", "path"),
    ("https://gitlab.com/..", "path"),
    ("https://gitlab.com/a/../b", "path"),
    ("https://gitlab.com/.", "path"),
    ("https://gitlab.com/%2e%2e/", "path"),
    ("https://gitlab.com/a;b", "path"),
    ("https://gitlab.com/group/project/-/issues/1", "path"),
    ("https://gitlab.com/api/v4", "path"),
    ("https://localhost", "blocked_address"),
    ("https://LocalHost:8443", "blocked_address"),
    ("https://gitlab.localhost", "blocked_address"),
    ("https://127.0.0.1", "blocked_address"),
    ("https://0.0.0.0", "blocked_address"),
    ("https://192.168.1.1", "blocked_address"),
    ("https://100.64.0.1", "blocked_address"),
    ("https://169.254.169.254", "blocked_address"),
    ("https://metadata.google.internal", "blocked_address"),
    ("https://[::1]", "blocked_address"),
    ("https://[::ffff:127.0.0.1]", "blocked_address"),
    ("https://[::ffff:a9fe:a9fe]", "blocked_address"),
    ("https://[64:ff9b::7f00:1]", "blocked_address"),
    ("https://[fd00::1]", "blocked_address"),
    ("https://224.0.0.1", "blocked_address"),
]


@pytest.mark.parametrize(("text", "code"), BAD_BASES)
def test_a_bad_base_url_is_refused_by_its_own_code(text, code):
    with pytest.raises(Invalid) as caught:
        parse_base_url(text, LISTED)
    assert caught.value.code == f"base_url_{code}"
    assert caught.value.errors == {"base_url": [caught.value.detail]}


def test_the_origin_leaves_the_relative_root_out():
    assert ROOTED.origin == "https://example.com"
    assert str(ROOTED) == "https://example.com/tools/gitlab"
    assert (ROOTED.effective_port, ROOTED.port) == (443, None)


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
        ("/.dot/_under/-/issues/1", ItemRef(".dot/_under", ISSUE, 1)),
        ("/g/p/issues/4", ItemRef("g/p", ISSUE, 4)),
        ("/g/p/issues/4/designs", ItemRef("g/p", ISSUE, 4)),
        ("/g/p/merge_requests/4/diffs", ItemRef("g/p", MERGE_REQUEST, 4)),
        ("/issues/issues/issues/7", ItemRef("issues/issues", ISSUE, 7)),
        ("/g/merge_requests/issues/7", ItemRef("g/merge_requests", ISSUE, 7)),
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
        ("/g/p/-/issues/1//", "url_project_path"),
        ("/g/p.git/-/issues/1", "url_project_path"),
        ("/g/p.GIT/-/issues/1", "url_project_path"),
        ("/g/p.atom/-/issues/1", "url_project_path"),
        ("/g/-p/-/issues/1", "url_project_path"),
        ("/g/p q/-/issues/1", "url_invalid"),
        ("/g/p%20q/-/issues/1", "url_project_path"),
        ("/g/~p/-/issues/1", "url_project_path"),
        ("/g/" + "p" * 256 + "/-/issues/1", "url_project_path"),
        ("/g/p/-/issues/1\n", "url_invalid"),
        ("/g\\p/-/issues/1", "url_invalid"),
        ("/g/p/-/issues/١", "url_not_ascii"),
        ("/g/prójekt/-/issues/1", "url_not_ascii"),
        ("/g/p/-/issues/1?" + "x" * 500, "url_too_long"),
    ],
)
@pytest.mark.parametrize("base", [BASE, ROOTED], ids=["at the root", "under a path"])
def test_a_url_that_names_no_item_is_refused_by_its_own_code(base, path, code):
    with pytest.raises(Invalid) as caught:
        parse_item_url(str(base) + path, base)
    assert caught.value.code == code
    assert caught.value.errors == {"url": [caught.value.detail]}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "url_invalid"),
        (1, "url_invalid"),
        ("", "url_invalid"),
        ("g/p#1", "url_invalid"),
        ("gitlab.example.com/g/p/-/issues/1", "url_invalid"),
        ("ftp://gitlab.example.com/g/p/-/issues/1", "url_invalid"),
        ("http://gitlab.example.com/g/p/-/issues/1", "url_invalid"),
        ("http://gitlab.example.com:443/g/p/-/issues/1", "url_invalid"),
        ("https:///g/p/-/issues/1", "url_invalid"),
        ("https://gitlab.example.com:0/g/p/-/issues/1", "url_invalid"),
        ("https://me@gitlab.example.com/g/p/-/issues/1", "url_credentials"),
        ("https://gitlab.example.com@evil.example/g/p/-/issues/1", "url_credentials"),
        ("https://gitlab.com/g/p/-/issues/1", "url_host_mismatch"),
        ("https://gitlab.example.com.evil.example/g/p/-/issues/1", "url_host_mismatch"),
        ("https://evil.example/gitlab.example.com/-/issues/1", "url_host_mismatch"),
        ("https://gitlab.example.com:8443/g/p/-/issues/1", "url_host_mismatch"),
    ],
)
def test_a_url_of_another_place_is_refused(text, code):
    with pytest.raises(Invalid) as caught:
        parse_item_url(text, BASE)
    assert caught.value.code == code


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
def test_no_text_whatever_makes_the_base_url_parser_stumble(text):
    try:
        base = parse_base_url(text, NOBODY)
    except Invalid as error:
        assert error.code.startswith("base_url_")
    else:
        assert isinstance(base, BaseUrl)
        assert base.scheme == "https"
        assert parse_base_url(str(base), NOBODY) == base


@given(ANYTHING)
def test_no_text_whatever_makes_the_item_url_parser_stumble(text):
    try:
        ref = parse_item_url(text, BASE)
    except Invalid as error:
        assert error.code.startswith("url_")
    else:
        assert parse_item_url(item_url(BASE, ref), BASE) == ref
