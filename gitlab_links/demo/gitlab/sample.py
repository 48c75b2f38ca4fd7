"""The sample instance of the demo: a company called ACME with three projects."""

from datetime import timedelta
from typing import Any

from gitlab_links.demo.gitlab.records import DEVELOPER, MAINTAINER, Item, Project, Token
from gitlab_links.demo.gitlab.sample_items import INCIDENT_NOTE, ISSUES, MERGE_REQUESTS
from gitlab_links.demo.gitlab.state import GitLabState

PEOPLE = {
    "amara.okafor": "Amara Okafor",
    "lukas.brandt": "Lukas Brandt",
    "mei.tanaka": "Mei Tanaka",
    "sofia.reyes": "Sofía Reyes",
    "tom.whitfield": "Tom Whitfield",
    "priya.nair": "Priya Nair",
    "jonas.lind": "Jonas Lind",
    "elif.demir": "Elif Demir",
}
# Of those who have an account in the demo, too.
ADDRESSES = {
    "amara.okafor": "admin@acme.example",
    "priya.nair": "pm@acme.example",
    "mei.tanaka": "member@acme.example",
}
BOT = "gitlab-links-bot"
MAINTAINERS = ("amara.okafor", "jonas.lind", BOT)

PROJECTS = {
    "acme/web-shop": "The shop that customers see",
    "acme/platform/api": "One API behind the shop and the app",
    "acme/mobile": "The shopping app for iOS and Android",
}
LABELS = {
    "bug": "#d1242f",
    "feature": "#1f75cb",
    "documentation": "#5943b6",
    "performance": "#c17d10",
    "accessibility": "#108548",
    "security": "#7f2704",
    "customer": "#f9d57e",
    "workflow::in progress": "#428bca",
    "workflow::in review": "#9475db",
    "workflow::blocked": "#dd2b0e",
    "priority::1": "#ab1a0e",
    "priority::2": "#e9be74",
    "good first issue": "#c3e6cd",
}
MILESTONES = {"Autumn release": 14, "Winter sale": 40, "Hardening": 75}


def fill(state: GitLabState, *, token: str | None = None) -> Token:
    """Put the sample data into an empty instance.

    Gives an ``api`` token of a bot that is a maintainer of every project, so that webhooks
    can be made and repaired; its value is ``token``, or a random one.
    """
    for username, name in PEOPLE.items():
        state.people.add_user(username, name).address = ADDRESSES.get(username, "")
    bot = state.people.add_user(BOT, "gitlab_links", bot=True)
    for path, description in PROJECTS.items():
        _add_project(state, path, description)
    for path, issues in ISSUES.items():
        for fields in issues:
            _add_issue(state, state.projects.get(path), dict(fields))
    for path, merge_requests in MERGE_REQUESTS.items():
        for fields in merge_requests:
            _add_merge_request(state, state.projects.get(path), dict(fields))
    return state.people.add_token(bot, scopes=["api"], value=token, name="gitlab_links demo")


def _add_project(state: GitLabState, path: str, description: str) -> None:
    project = state.projects.add(path)
    project.description = description
    for username, user in state.people.users.items():
        level = MAINTAINER if username in MAINTAINERS else DEVELOPER
        state.projects.add_member(project, user, level)
    for name, color in LABELS.items():
        state.projects.add_label(project, name, color)
    today = state.clock.now().date()
    for title, days in MILESTONES.items():
        state.projects.add_milestone(project, title, today + timedelta(days=days))


def _add_issue(state: GitLabState, project: Project, fields: dict[str, Any]) -> None:
    age, closed = fields.pop("age"), fields.pop("closed", False)
    due = fields.pop("due", None)
    if due is not None:
        fields["due_date"] = state.clock.now().date() + timedelta(days=due)
    issue = state.items.add_issue(project, notify=False, **fields)
    if closed:
        state.items.close(issue)
    if issue.type == "incident":
        state.items.comment(issue, INCIDENT_NOTE, by="jonas.lind")
    _backdate(state, issue, age)


def _add_merge_request(state: GitLabState, project: Project, fields: dict[str, Any]) -> None:
    age, outcome = fields.pop("age"), fields.pop("outcome", None)
    pipeline = fields.pop("pipeline", None)
    mr = state.items.add_merge_request(project, notify=False, **fields)
    if pipeline:
        state.pipelines.run(mr, pipeline, notify=False)
    if outcome == "merged":
        state.items.merge(mr, by="amara.okafor")
    elif outcome == "closed":
        state.items.close(mr)
    _backdate(state, mr, age)


def _backdate(state: GitLabState, item: Item, days: float) -> None:
    """Let an item have been made ``days`` ago and touched at a third of that."""
    now = state.clock.now()
    item.created_at = now - timedelta(days=days)
    item.updated_at = now - timedelta(days=days / 3)
    for name in ("closed_at", "merged_at"):
        if getattr(item, name, None):
            setattr(item, name, item.updated_at)
