"""Whether a token can do what the service needs, tried by doing it.

Import it where it is used, as ``gitlab.client``.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gitlab_links.gitlab.answers import (
    AUTH_ERROR,
    INSUFFICIENT_SCOPE,
    RATE_LIMITED,
    GitLabFailure,
    TokenCheck,
)
from gitlab_links.gitlab.client import RESOURCES, GitLabClient, path_of_project
from gitlab_links.gitlab.fields import read_id, read_person, read_project_path, read_word
from gitlab_links.gitlab.items import ItemType
from gitlab_links.gitlab.times import parse_date

_OF_THE_TOKEN = (AUTH_ERROR, INSUFFICIENT_SCOPE, RATE_LIMITED)


class CheckingClient(GitLabClient):
    """A client that finds out what its token is good for."""

    def check_token(self, needed: Sequence[tuple[int | str, ItemType]] = ()) -> TokenCheck:
        """Whether the token can do what the service needs, tried by doing it.

        ``needed`` are lists to be read, by project and type; without any the list of
        projects is. What GitLab tells of the token itself is welcome and not needed: a
        fine-grained token may have no right to it.

        Raises GitLabFailure: ``auth_error`` for a token that is wrong, expired or revoked,
        ``insufficient_scope`` for one that may not read what is needed.
        """
        with self._translated():
            told = self._introspect("/personal_access_tokens/self")
            scopes = _read_scopes(told)
            user = read_person(self._introspect("/user"))
            version = self._introspect("/version")
            try:
                missing = self._try_reading(needed)
            except GitLabFailure as failure:
                failure.held = failure.held or scopes
                raise
        return TokenCheck(
            user=user,
            scopes=scopes,
            expires_at=parse_date(told.get("expires_at")),
            gitlab_version=read_word(version.get("version")),
            missing=missing,
        )

    def project_path(self, project: int) -> str:
        """The present path of a project."""
        with self._translated():
            answer = self._expect_object(self._get(path_of_project(project)))
        found = read_project_path(answer.get("path_with_namespace"))
        if found is None or read_id(answer.get("id")) != project:
            raise self._unusable("is not the project that was asked for")
        return found

    def _introspect(self, path: str) -> Mapping[str, Any]:
        """What GitLab tells of the token; nothing where it has no such resource, or the token
        no right to it. Whether that matters shows in the calls that are needed.
        """
        try:
            return self._expect_object(self._get(path))
        except GitLabFailure as failure:
            if failure.http_status in (403, 404):
                return {}
            raise

    def _try_reading(self, needed: Sequence[tuple[int | str, ItemType]]) -> tuple[str, ...]:
        """The permissions that are missing for some of it. Raises why nothing can be read;
        that a single project cannot be for another reason is not the token's fault.
        """
        refusals, answered = [], False
        for path, query in _calls(needed):
            try:
                self._get(path, per_page=1, **query)
                answered = True
            except GitLabFailure as failure:
                refusals.append(failure)
        missing = [failure for failure in refusals if failure.code in _OF_THE_TOKEN]
        if not needed:
            # The list of projects itself is not needed: what is shows with the first link.
            missing = [failure for failure in refusals if not failure.granular]
        named = tuple(dict.fromkeys(name for failure in missing for name in failure.needed))
        if missing and not (answered and all(failure.granular for failure in missing)):
            if missing[0].granular:
                missing[0].needed = named
            raise missing[0]
        if refusals and not answered:
            self.check_account()
        return named


def _calls(
    needed: Sequence[tuple[int | str, ItemType]],
) -> Iterator[tuple[str, dict[str, str]]]:
    for project, item_type in needed:
        yield f"{path_of_project(project)}/{RESOURCES[item_type]}", {}
    if not needed:
        yield "/projects", {"simple": "true", "membership": "true"}


def _read_scopes(told: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The scopes GitLab tells; None where it tells none, as before 15.5."""
    listed = told.get("scopes")
    if not isinstance(listed, list):
        return None
    words = [read_word(scope) for scope in listed]
    return tuple(word for word in words if word is not None)
