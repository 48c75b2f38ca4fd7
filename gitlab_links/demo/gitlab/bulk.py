"""Many projects and items at once, for benchmarks and soak tests: no webhooks, no waiting."""

from dataclasses import dataclass
from datetime import UTC, datetime

from gitlab_links.demo.gitlab.records import MAINTAINER, Project, User
from gitlab_links.demo.gitlab.state import GitLabState

AUTHOR = "bulk.author"
# Of every item, so that a benchmark can write webhooks about it without asking.
CREATED_AT = datetime(2026, 1, 5, 8, tzinfo=UTC)
LABEL_COLORS = {"bug": "#d1242f", "feature": "#1f75cb", "later": "#8fbc8f"}


@dataclass(frozen=True)
class Bulk:
    """How much to make; ``prefix`` is the group of the projects."""

    projects: int = 20
    issues: int = 100
    prefix: str = "bulk"


def id_of(project_id: int, iid: int) -> int:
    """The id of an issue across projects; also for a benchmark's webhooks."""
    return project_id * 100_000 + iid


def create_bulk(state: GitLabState, bulk: Bulk) -> list[Project]:
    """Make projects ``<prefix>/project-1`` and on, every user there is a maintainer of each."""
    with state.lock:
        author = state.people.users.get(AUTHOR) or state.people.add_user(AUTHOR, "Bulk Author")
        return [_project(state, bulk, number, author) for number in range(1, bulk.projects + 1)]


def _project(state: GitLabState, bulk: Bulk, number: int, author: User) -> Project:
    project = state.projects.add(f"{bulk.prefix}/project-{number}")
    for user in state.people.users.values():
        state.projects.add_member(project, user, MAINTAINER)
    for name, color in LABEL_COLORS.items():
        state.projects.add_label(project, name, color)
    labels = list(LABEL_COLORS)
    for index in range(bulk.issues):
        issue = state.items.add_issue(
            project,
            f"Issue {index + 1} of project {number}",
            author=author,
            labels=labels[: index % 3],
            assignees=[author] if index % 2 else [],
            notify=False,
        )
        issue.created_at, issue.id = CREATED_AT, id_of(project.id, issue.iid)
    return project
