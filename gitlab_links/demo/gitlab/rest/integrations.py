"""Integrations of a project: the custom issue tracker can be set, others are there or not."""

from typing import Any

from flask import Blueprint, Response, request

from gitlab_links.demo.gitlab.current import state
from gitlab_links.demo.gitlab.records import MAINTAINER, Project
from gitlab_links.demo.gitlab.rest import errors
from gitlab_links.demo.gitlab.rest.access import project_named, require_level
from gitlab_links.demo.gitlab.rest.errors import ApiError
from gitlab_links.demo.gitlab.rest.paging import paged

CUSTOM = "custom-issue-tracker"
FIELDS = ("project_url", "issues_url", "new_issue_url")
IN_USE = (
    "Another issue tracker is already in use. Only one issue tracker service can be active at a "
    "time"
)


def register(rest: Blueprint) -> None:
    """Add the routes to the API's blueprint."""
    rest.get("/projects/<key>/integrations")(integrations)
    rest.get("/projects/<key>/integrations/<slug>")(integration)
    rest.put(f"/projects/<key>/integrations/{CUSTOM}")(set_tracker)


def integrations(key: str) -> Response:
    """The active ones, without their properties."""
    project = _administered(key)
    return paged(list(project.integrations), lambda slug: _present(project, slug, whole=False))


def integration(key: str, slug: str) -> dict[str, Any]:
    project = _administered(key)
    if slug not in project.integrations:
        raise errors.not_found("Integration")
    return _present(project, slug, whole=True)


def set_tracker(key: str) -> dict[str, Any]:
    project = _administered(key)
    body = request.get_json()
    for name in ("project_url", "issues_url"):
        if not body.get(name):
            raise errors.bad_parameter(name, "is missing")
    if any(slug != CUSTOM for slug in project.integrations):
        raise ApiError(400, {"message": {"base": [IN_USE]}})
    with state().lock:
        project.integrations[CUSTOM] = {name: body.get(name) for name in FIELDS}
    return _present(project, CUSTOM, whole=True)


def _administered(key: str) -> Project:
    project = project_named(key)
    require_level(project, MAINTAINER)
    return project


def _present(project: Project, slug: str, *, whole: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": project.id * 100 + list(project.integrations).index(slug),
        "title": slug.replace("-", " ").capitalize(),
        "slug": slug,
        "active": True,
    }
    return shown | {"properties": project.integrations[slug]} if whole else shown
