"""Change things in GitLab: the hooks of a project, and the token itself.

Needs a maintainer's token with the scope ``api``; for reading hooks ``read_api`` is enough.
Import it where it is used, like ``gitlab.client``, which is slow to import.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any
from urllib.parse import quote

from gitlab_links.gitlab.answers import NewToken
from gitlab_links.gitlab.client import GitLabClient, path_of_project
from gitlab_links.gitlab.fields import read_id, read_object, read_word
from gitlab_links.gitlab.hooks import Hook, HookSettings
from gitlab_links.gitlab.times import parse_date, parse_time

HOOKS_A_PAGE = 100
MAX_HOOK_PAGES = 5
EVENTS_A_PAGE = 20
FAILED_STATUSES = ("client_failure", "server_failure")


class MaintainingClient(GitLabClient):
    """A client that can also write. Each call raises GitLabFailure if it fails; ``http_403``
    means that the token's owner is not a maintainer of the project.
    """

    def rotate_token(self, expires_at: date | None) -> NewToken:
        """Have GitLab replace the token. This client's own token is invalid afterwards.

        Without a date the new token lasts a week. Needs the scope ``api`` or ``self_rotate``.
        """
        body = {} if expires_at is None else {"expires_at": expires_at.isoformat()}
        new = self._expect_object(self._send("post", "/personal_access_tokens/self/rotate", body))
        token = new.get("token")
        if not isinstance(token, str) or not 0 < len(token) <= 255:
            raise self._unusable("has no new token")
        return NewToken(token, parse_date(new.get("expires_at")))

    def hooks(self, project: int | str) -> list[Hook]:
        """The project's own hooks, without those of its groups and of the instance."""
        found: list[Hook] = []
        with self._translated():
            for page in range(1, MAX_HOOK_PAGES + 1):
                listed = self._get(_hooks_path(project), per_page=HOOKS_A_PAGE, page=page)
                rows = listed if isinstance(listed, list) else []
                found += [hook for row in rows if (hook := _read_hook(row)) is not None]
                if len(rows) < HOOKS_A_PAGE:
                    break
        return found

    def create_hook(self, project: int | str, settings: HookSettings) -> int:
        """Create a hook and return its id. GitLab's default would turn push events on."""
        body = settings.body(frozenset({"push_events"}))
        created = self._expect_object(self._send("post", _hooks_path(project), body))
        hook_id = read_id(created.get("id"))
        if hook_id is None:
            raise self._unusable("has no hook id")
        return hook_id

    def change_hook(self, project: int | str, hook_id: int, settings: HookSettings) -> None:
        """Set a hook's URL, tokens and events. Other events that are on stay on."""
        self._send("put", f"{_hooks_path(project)}/{hook_id}", settings.body(frozenset()))

    def delete_hook(self, project: int | str, hook_id: int) -> None:
        """Delete a hook; ``not_found`` means that it is gone already."""
        self._send("delete", f"{_hooks_path(project)}/{hook_id}", {})

    def test_hook(self, project: int | str, hook_id: int, event: str) -> None:
        """Have GitLab send an event about its newest object of a kind. If the receiver accepts
        it, GitLab enables the hook.

        Raises ``http_422`` if there is no such object or the receiver refuses the event.
        """
        self._send("post", f"{_hooks_path(project)}/{hook_id}/test/{quote(event)}", {})

    def failed_events(self, project: int | str, hook_id: int) -> list[int]:
        """Ids of the newest events that failed, the oldest first, at most 40."""
        found: list[int] = []
        with self._translated():
            for status in FAILED_STATUSES:
                path = f"{_hooks_path(project)}/{hook_id}/events"
                listed = self._get(path, status=status, per_page=EVENTS_A_PAGE)
                found += list(_ids(listed))
        return sorted(found)

    def resend_event(self, project: int | str, hook_id: int, event_id: int) -> None:
        """Have GitLab send an event again, with the same key."""
        self._send("post", f"{_hooks_path(project)}/{hook_id}/events/{event_id}/resend", {})

    def _send(self, verb: str, path: str, body: Mapping[str, Any]) -> Any:
        with self._translated():
            response = self._gitlab.http_request(
                verb, path, post_data=dict(body), obey_rate_limit=False, max_retries=0
            )
            return self._read(response) if response.content else {}


def _hooks_path(project: int | str) -> str:
    return f"{path_of_project(project)}/hooks"


def _read_hook(row: object) -> Hook | None:
    data = read_object(row)
    hook_id, url = read_id(data.get("id")), data.get("url")
    if hook_id is None or not isinstance(url, str):
        return None
    return Hook(
        id=hook_id,
        url=url[:2000],
        events=frozenset(
            name for name, on in data.items() if name.endswith("_events") and on is True
        ),
        # GitLab before 16 does not send it; a hook of theirs counts as working.
        alert_status=read_word(data.get("alert_status")) or "executable",
        disabled_until=parse_time(data.get("disabled_until")),
        has_token=data.get("token_present") is not False,
        signs=data.get("signing_token_present") is True,
    )


def _ids(listed: object) -> Iterator[int]:
    for row in listed if isinstance(listed, list) else []:
        event_id = read_id(read_object(row).get("id"))
        if event_id is not None:
            yield event_id
