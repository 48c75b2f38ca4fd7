"""Picking projects from GitLab's list, as pages and API do it.

A choice is signed as GitLab listed it: no caller can pair a path with another project's id.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from flask import current_app
from itsdangerous import BadData, URLSafeTimedSerializer

from gitlab_links.accounts.principal import Principal
from gitlab_links.clock import utcnow
from gitlab_links.errors import Conflict
from gitlab_links.gitlab.answers import GitLabFailure
from gitlab_links.gitlab.error_codes import in_words
from gitlab_links.gitlab.listed import ListedProject
from gitlab_links.hooks.picking import pick_projects
from gitlab_links.http.hooks import projects_now
from gitlab_links.operations.models import Operation

MOST_PICKED = 50
GOOD_FOR_SECONDS = 3600


class StaleList(Conflict):
    """The choice is not one of ours, or an old one."""

    code = "stale_list"


class ProjectsNotListed(Conflict):
    """GitLab did not give the list."""

    code = "projects_not_listed"


@dataclass(frozen=True, slots=True)
class Picked:
    """A project that was picked, and what makes its webhook."""

    project: ListedProject
    operation: Operation


def choices(principal: Principal, search: str) -> Sequence[tuple[ListedProject, str]]:
    """Projects that the token's owner maintains, as GitLab lists them now, each with its choice.

    Raises :class:`ProjectsNotListed`, and what ``projects_now`` raises besides.
    """
    try:
        base_url, found = projects_now(principal, search)
    except GitLabFailure as failure:
        raise ProjectsNotListed(in_words(failure.code, failure.reason)) from None
    return [(one, _signed(principal.org_id, base_url, one)) for one in found]


def pick(principal: Principal, texts: Sequence[str]) -> Sequence[Picked]:
    """Watch what was chosen; a worker makes the webhooks once the caller has committed.

    Raises :class:`StaleList` and ``PickedElsewhere``.
    """
    picked = [_read(principal.org_id, text) for text in texts[:MOST_PICKED]]
    base_url = picked[0][0]
    projects = [project for base, project in picked if base == base_url]
    operations = pick_projects(principal, base_url, projects, utcnow())
    return [Picked(*pair) for pair in zip(projects, operations, strict=True)]


def _signed(org_id: uuid.UUID, base_url: str, project: ListedProject) -> str:
    return str(_serializer().dumps([str(org_id), base_url, project.gitlab_id, project.path]))


def _read(org_id: uuid.UUID, text: str) -> tuple[str, ListedProject]:
    try:
        owner, base_url, gitlab_id, path = _serializer().loads(text, max_age=GOOD_FOR_SECONDS)
    except BadData:
        owner = None
    if owner != str(org_id):
        raise StaleList("The list of projects is an old one. Pick from the present one.")
    return base_url, ListedProject(gitlab_id, path)


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.secret_key or "", salt="projects to pick")
