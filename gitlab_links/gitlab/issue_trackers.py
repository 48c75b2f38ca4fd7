"""GitLab's custom issue tracker: with it, GitLab links keys such as ACME-12 in its texts."""

from dataclasses import asdict, dataclass

# Of these a project has one at a time. GitLab calls them by these names.
TRACKERS = frozenset(
    {
        "bugzilla",
        "clickup",
        "custom-issue-tracker",
        "ewm",
        "jira",
        "linear",
        "phorge",
        "redmine",
        "youtrack",
    }
)
CUSTOM = "custom-issue-tracker"


@dataclass(frozen=True, slots=True)
class TrackerFields:
    """The fields of GitLab's form. In ``issues_url``, ``:id`` stands for the number of a key."""

    project_url: str
    issues_url: str
    new_issue_url: str

    def body(self) -> dict[str, str]:
        """The fields for GitLab's API, under these names."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class PresentTracker:
    """The issue tracker that a project has now; ``issues_url`` only of a custom one."""

    slug: str
    issues_url: str | None
