"""What the Test button of a hook sends: the newest real object, as if it were just opened."""

from typing import Any

from gitlab_links.demo.gitlab.bodies import Json
from gitlab_links.demo.gitlab.delivery import Outgoing, encode
from gitlab_links.demo.gitlab.hooks import Hook
from gitlab_links.demo.gitlab.pipeline_body import pipeline_body
from gitlab_links.demo.gitlab.records import Issue, Item, Project
from gitlab_links.demo.gitlab.sending import item_hook_name, note_hook_name
from gitlab_links.demo.gitlab.state import GitLabState


class Untestable(Exception):
    """There is nothing to send, in GitLab's words."""


def trial(state: GitLabState, hook: Hook, project: Project, trigger: str) -> Outgoing:
    """The request of a test; nothing in it says that it is one."""
    makers: dict[str, Any] = {
        "issues_events": _issue,
        "confidential_issues_events": _issue,
        "merge_requests_events": _merge_request,
        "note_events": _note,
        "confidential_note_events": _note,
        "pipeline_events": _pipeline,
    }
    if trigger not in makers:
        raise Untestable("Testing not available for this hook")
    with state.lock:
        hook_name, body = makers[trigger](state, project)
        return Outgoing(hook, hook_name, encode(body))


def _opened(state: GitLabState, item: Item) -> Json:
    return state.publisher.bodies.item(item, action="open", by=item.author, changes={})


def _issue(state: GitLabState, project: Project) -> tuple[str, Json]:
    if not project.issues:
        raise Untestable("Ensure the project has issues.")
    issue: Issue = project.issues[max(project.issues)]
    return item_hook_name(issue), _opened(state, issue)


def _merge_request(state: GitLabState, project: Project) -> tuple[str, Json]:
    if not project.merge_requests:
        raise Untestable("Ensure the project has merge requests.")
    mr = project.merge_requests[max(project.merge_requests)]
    return item_hook_name(mr), _opened(state, mr)


def _note(state: GitLabState, project: Project) -> tuple[str, Json]:
    items: list[Item] = [*project.issues.values(), *project.merge_requests.values()]
    noted = [(note, item) for item in items for note in item.notes if not note.system]
    if not noted:
        raise Untestable("Ensure the project has notes.")
    note, item = max(noted, key=lambda pair: pair[0].id)
    return note_hook_name(item), state.publisher.bodies.note(note, item)


def _pipeline(state: GitLabState, project: Project) -> tuple[str, Json]:
    if not project.pipelines:
        raise Untestable("Ensure the project has CI pipelines.")
    pipeline = project.pipelines[-1]
    mrs = project.merge_requests.values()
    mr = next((mr for mr in mrs if mr.head_pipeline is pipeline), None)
    return "pipeline_hooks", pipeline_body(state.publisher.bodies, pipeline, project, mr)
