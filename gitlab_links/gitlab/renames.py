"""Projects and groups that got another path, as system hooks tell it."""

from dataclasses import dataclass

from gitlab_links.gitlab.fields import Object, read_id, read_project_path

SYSTEM_HOOK = "System Hook"
_PROJECT_EVENTS = frozenset({"project_rename", "project_transfer"})


@dataclass(frozen=True, slots=True)
class Rename:
    """``old_path`` became ``new_path``. A project if ``project_id`` is set; else a group,
    and then every project below ``old_path/`` moved with it.
    """

    old_path: str
    new_path: str
    project_id: int | None

    def moved(self, project_path: str) -> str | None:
        """What became of a project's path, compared as GitLab does without regard to case;
        None if this rename does not touch it.
        """
        old = self.old_path.lower()
        if self.project_id is not None:
            return self.new_path if project_path.lower() == old else None
        if not project_path.lower().startswith(f"{old}/"):
            return None
        return self.new_path + project_path[len(old) :]


def read_renames(hook: str | None, body: Object) -> tuple[Rename, ...]:
    """The rename in a system hook's body, if it tells one; ``hook`` is X-Gitlab-Event."""
    if hook is not None and hook != SYSTEM_HOOK:
        return ()
    event = body.get("event_name")
    if event == "group_rename":
        paths = _group_path(body.get("old_full_path")), _group_path(body.get("full_path"))
        project_id = None
    elif isinstance(event, str) and event in _PROJECT_EVENTS:
        paths = (
            read_project_path(body.get("old_path_with_namespace")),
            read_project_path(body.get("path_with_namespace")),
        )
        project_id = read_id(body.get("project_id"))
        if project_id is None:
            return ()
    else:
        return ()
    old, new = paths
    return () if old is None or new is None or old == new else (Rename(old, new, project_id),)


def _group_path(value: object) -> str | None:
    """A group may be at the top, where a project's path always has a namespace in front."""
    if not isinstance(value, str) or read_project_path(f"{value}/p") is None:
        return None
    return value
