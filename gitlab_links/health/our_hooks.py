"""Which of a project's hooks are ours: one added by hand may stand beside that of a repair."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gitlab_links.gitlab.answers import GitLabFailure
from gitlab_links.gitlab.error_codes import ErrorCode
from gitlab_links.gitlab.hooks import Hook
from gitlab_links.observations.hook_states import EXPECTED_EVENTS, HookState

if TYPE_CHECKING:
    from gitlab_links.gitlab.hook_client import MaintainingClient

_SENDING_LEAST = (HookState.TEMPORARILY_DISABLED.value, HookState.DISABLED.value)


def our_hooks(hooks: Sequence[Hook], webhook_url: str) -> list[Hook]:
    """The hooks that point here, the one that works best first; if there are none, those with
    our path at another host.

    The path contains the org's id, so the hooks are ours: the service was moved, or has another
    name.
    """
    wanted = urlsplit(webhook_url)
    here = webhook_url.rstrip("/").lower()
    exact = [hook for hook in hooks if hook.url.strip().rstrip("/").lower() == here]
    moved = [hook for hook in hooks if _path_of(hook.url) == wanted.path]
    return sorted(exact or moved, key=_defects)


def our_hook(hooks: Sequence[Hook], webhook_url: str) -> Hook | None:
    """The first of :func:`our_hooks`; None if there is none."""
    return next(iter(our_hooks(hooks, webhook_url)), None)


def delete_hooks(client: "MaintainingClient", project: int | str, ours: Sequence[Hook]) -> None:
    """Delete hooks of a project. One that is gone already is no failure."""
    for hook in ours:
        try:
            client.delete_hook(project, hook.id)
        except GitLabFailure as failure:
            if failure.code != ErrorCode.NOT_FOUND:
                raise


def missing_events(hook: Hook) -> list[str]:
    """The events that the hook should send and does not."""
    return [event for event in EXPECTED_EVENTS if event not in hook.events]


def _defects(hook: Hook) -> tuple[int, bool, bool, int]:
    """Least for a hook whose events arrive, are accepted, and are all there."""
    known = hook.alert_status in _SENDING_LEAST
    silent = 1 + _SENDING_LEAST.index(hook.alert_status) if known else 0
    return silent, not hook.has_token, not hook.signs, len(missing_events(hook))


def _path_of(url: str) -> str | None:
    try:
        return urlsplit(url.strip()).path.rstrip("/")
    except ValueError:
        return None
