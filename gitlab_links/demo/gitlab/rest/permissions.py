"""Fine-grained tokens: which permission each call takes, by the names GitLab gives them."""

from flask import request

from gitlab_links.demo.gitlab.current import state
from gitlab_links.demo.gitlab.records import Token
from gitlab_links.demo.gitlab.rest import errors
from gitlab_links.demo.gitlab.wsgi import ENCODED_SLASH

ACTIONS = {"GET": "Read", "HEAD": "Read", "POST": "Create", "PUT": "Update", "DELETE": "Delete"}
# By endpoint; where only the resource is named, the method decides what is done to it.
CALLS = {
    "version": ("instance", "Metadata"),
    "current_user": ("user", "User"),
    "token_self": ("user", "Personal Access Token"),
    "rotate_token": ("user", "Personal Access Token: Rotate"),
    "projects": ("user", "Project"),
    "project": ("project", "Project"),
    "list_pipelines": ("project", "Pipeline"),
    "hooks": ("project", "Webhook"),
    "add_hook": ("project", "Webhook"),
    "change_hook": ("project", "Webhook"),
    "delete_hook": ("project", "Webhook"),
    "test_hook": ("project", "Webhook: Test"),
    "events": ("project", "Webhook"),
    "resend": ("project", "Webhook: Resend"),
    "integrations": ("project", "Integration"),
    "integration": ("project", "Integration"),
    "set_tracker": ("project", "Integration"),
}
RESOURCES = {"issues": "Work Item", "merge_requests": "Merge Request"}


def check_permission(token: Token) -> None:
    """Refuse, as GitLab does, a fine-grained token without the permission for this call."""
    permissions = token.permissions
    if permissions is None or request.endpoint == "rest.unknown":
        return
    boundary, needed = _needed((request.endpoint or "").removeprefix("rest."))
    if needed not in permissions or not _within(token):
        raise errors.insufficient_permissions(boundary, [needed])


def _needed(endpoint: str) -> tuple[str, str]:
    listed = CALLS.get(endpoint)
    if listed is None:
        kind = str((request.view_args or {}).get("kind"))
        listed = ("project", RESOURCES.get(kind, kind))
    boundary, resource = listed
    action = ACTIONS.get(request.method, request.method)
    return boundary, resource if ":" in resource else f"{resource}: {action}"


def _within(token: Token) -> bool:
    """Whether the token reaches the project that is asked for, if it is one of those named."""
    key = (request.view_args or {}).get("key")
    if key is None or token.projects is None:
        return True
    project, _ = state().projects.find(key.replace(ENCODED_SLASH, "/"))
    return project is None or project.path_with_namespace in token.projects
