"""Addresses of GitLab's own forms, filled in for a task."""

from dataclasses import dataclass
from urllib.parse import quote, urlencode


@dataclass(frozen=True, slots=True)
class NewItemUrls:
    """Where a person makes an issue, a merge request or a branch of a project, as themselves."""

    project_path: str
    issue: str
    merge_request: str
    branch: str


def new_item_urls(
    base_url: str, project_path: str, *, reference: str, title: str, branch: str
) -> NewItemUrls:
    """The forms of a project. What they make mentions the task ``reference``."""
    place = f"{base_url}/{project_path}/-"
    issue = {"issue[title]": title, "issue[description]": reference}
    merge_request = {
        "merge_request[source_branch]": branch,
        "merge_request[title]": title,
        "merge_request[description]": reference,
    }
    return NewItemUrls(
        project_path,
        f"{place}/issues/new?{_query(issue)}",
        f"{place}/merge_requests/new?{_query(merge_request)}",
        f"{place}/branches/new?{_query({'branch_name': branch})}",
    )


def _query(values: dict[str, str]) -> str:
    return urlencode(values, quote_via=quote)
