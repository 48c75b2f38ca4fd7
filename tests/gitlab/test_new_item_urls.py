"""Addresses of GitLab's own forms."""

from urllib.parse import parse_qs, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from gitlab_links.gitlab.new_item_urls import new_item_urls

BASE = "https://example.com/gitlab"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80))
def test_whatever_the_title_the_forms_get_it_whole(title: str) -> None:
    made = new_item_urls(BASE, "acme/app", reference="ACME-12", title=title, branch="acme-12-x")
    issue, merge_request, branch = map(urlsplit, (made.issue, made.merge_request, made.branch))
    assert issue.path == "/gitlab/acme/app/-/issues/new"
    assert parse_qs(issue.query) == {
        "issue[title]": [title],
        "issue[description]": ["ACME-12"],
    }
    assert merge_request.path == "/gitlab/acme/app/-/merge_requests/new"
    assert parse_qs(merge_request.query)["merge_request[source_branch]"] == ["acme-12-x"]
    assert branch.path == "/gitlab/acme/app/-/branches/new"
    assert parse_qs(branch.query) == {"branch_name": ["acme-12-x"]}
    assert made.issue.isascii()
