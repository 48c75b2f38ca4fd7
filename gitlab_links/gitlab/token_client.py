"""Check a token by making the calls that the service needs.

Import it where it is used, like ``gitlab.client``, which is slow to import.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gitlab_links.gitlab.answers import (
    GitLabFailure,
    TokenCheck,
)
from gitlab_links.gitlab.client import GitLabClient, path_of_project
from gitlab_links.gitlab.error_codes import ErrorCode
from gitlab_links.gitlab.fields import read_id, read_person, read_project_path, read_word
from gitlab_links.gitlab.items import ItemType
from gitlab_links.gitlab.times import parse_date, parse_time

_OF_THE_TOKEN = (ErrorCode.AUTH_ERROR, ErrorCode.INSUFFICIENT_SCOPE, ErrorCode.RATE_LIMITED)


class CheckingClient(GitLabClient):
    """A client that finds out what its token may do."""

    def check_token(self, needed: Sequence[tuple[int | str, ItemType]] = ()) -> TokenCheck:
        """Check that the token can do what the service needs, by making those calls.

        ``needed`` are the lists to read, by project and type; if empty, the list of
        projects is read. Facts about the token itself are optional: a fine-grained token
        may lack the permission to read them.

        Raises GitLabFailure: ``auth_error`` for a token that is wrong, expired or revoked,
        ``insufficient_scope`` for one that may not read ``needed``.
        """
        with self._translated():
            facts = self._introspect("/personal_access_tokens/self")
            scopes = _read_scopes(facts)
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
            expires_at=parse_date(facts.get("expires_at")),
            gitlab_version=read_word(version.get("version")),
            missing=missing,
            created_at=parse_time(facts.get("created_at")),
        )

    def project_path(self, project: int) -> str:
        """The current path of a project."""
        with self._translated():
            answer = self._expect_object(self._get(path_of_project(project)))
        found = read_project_path(answer.get("path_with_namespace"))
        if found is None or read_id(answer.get("id")) != project:
            raise self._unusable("is not about the requested project")
        return found

    def _introspect(self, path: str) -> Mapping[str, Any]:
        """A resource about the token; empty if GitLab does not have it or the token may not
        read it. The calls that are needed show whether that matters.
        """
        try:
            return self._expect_object(self._get(path))
        except GitLabFailure as failure:
            if failure.http_status in (403, 404):
                return {}
            raise

    def _try_reading(self, needed: Sequence[tuple[int | str, ItemType]]) -> tuple[str, ...]:
        """The permissions that the token lacks for some of ``needed``. Raises the failure if
        nothing can be read. One project that fails for another reason is not the token's fault.
        """
        refusals, answered = [], False
        get = self._get if needed else self._get_of_any
        for path, query in _calls(needed):
            try:
                get(path, per_page=1, **query)
                answered = True
            except GitLabFailure as failure:
                refusals.append(failure)
        missing = [failure for failure in refusals if failure.code in _OF_THE_TOKEN]
        if not needed:
            # The service does not need the list of projects; the first link shows what it needs.
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
        yield f"{path_of_project(project)}/{item_type.plural}", {}
    if not needed:
        yield "/projects", {"simple": "true", "membership": "true"}


def _read_scopes(facts: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The token's scopes; None if GitLab does not send them, as before 15.5."""
    listed = facts.get("scopes")
    if not isinstance(listed, list):
        return None
    words = [read_word(scope) for scope in listed]
    return tuple(word for word in words if word is not None)
