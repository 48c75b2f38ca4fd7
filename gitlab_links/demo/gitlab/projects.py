"""Projects with their labels, milestones and members, and what becomes of their paths."""

import re
from collections.abc import Callable
from datetime import date

from gitlab_links.demo.gitlab.records import DEVELOPER, Label, Milestone, Project, User
from gitlab_links.demo.gitlab.timing import Clock

COLOR = re.compile(r"#[0-9a-fA-F]{6}")
DEFAULT_COLOR = "#6699cc"


class Projects:
    """Every project of the instance. Paths compare case-insensitively."""

    def __init__(self, next_id: Callable[[], int], clock: Clock) -> None:
        self._next_id = next_id
        self._clock = clock
        self.by_id: dict[int, Project] = {}
        self._by_path: dict[str, Project] = {}
        self._redirects: dict[str, Project] = {}

    def add(
        self, path_with_namespace: str, *, name: str | None = None, visibility: str = "private"
    ) -> Project:
        """A new project without members, labels or items."""
        title = path_with_namespace.rpartition("/")[2].replace("-", " ").title()
        project = Project(
            id=self._next_id(),
            path_with_namespace=path_with_namespace,
            name=name or title,
            created_at=self._clock.now(),
            visibility=visibility,
        )
        self.by_id[project.id] = project
        self._by_path[path_with_namespace.lower()] = project
        self._redirects.pop(path_with_namespace.lower(), None)
        return project

    def get(self, key: Project | int | str) -> Project:
        """The project itself, or the one with that id or current path; KeyError if unknown."""
        if isinstance(key, Project):
            return key
        if isinstance(key, int) or key.isdecimal():
            return self.by_id[int(key)]
        return self._by_path[key.lower()]

    def find(self, key: str) -> tuple[Project | None, bool]:
        """The project and whether ``key`` is a path that it no longer has."""
        try:
            return self.get(key), False
        except KeyError:
            moved = self._redirects.get(key.lower())
            return moved, moved is not None

    def all(self) -> list[Project]:
        return list(self.by_id.values())

    def add_member(self, project: Project, user: User, level: int = DEVELOPER) -> None:
        project.members[user.id] = level

    def remove_member(self, project: Project, user: User) -> None:
        project.members.pop(user.id, None)

    def add_label(
        self,
        project: Project,
        name: str,
        color: str = DEFAULT_COLOR,
    ) -> Label:
        """A new label; ``color`` is ``#rrggbb``, anything else a ValueError."""
        if not COLOR.fullmatch(color):
            raise ValueError(f"{color!r} is no colour of the form #rrggbb")
        label = Label(
            id=self._next_id(),
            name=name,
            color=color,
            project_id=project.id,
            created_at=self._clock.now(),
        )
        project.labels[name] = label
        return label

    def label(self, project: Project, name: str) -> Label:
        """The label of that name; GitLab makes a missing one, and so does this."""
        return project.labels.get(name) or self.add_label(project, name)

    def add_milestone(
        self, project: Project, title: str, due_date: date | None = None
    ) -> Milestone:
        milestone = Milestone(
            id=self._next_id(),
            iid=len(project.milestones) + 1,
            title=title,
            project_id=project.id,
            created_at=self._clock.now(),
            due_date=due_date,
        )
        project.milestones.append(milestone)
        return milestone

    def milestone(self, project: Project, key: Milestone | int | str | None) -> Milestone | None:
        """Find a milestone by object, id or title; KeyError if the project has no such one."""
        if key is None or isinstance(key, Milestone):
            return key
        for milestone in project.milestones:
            if key in (milestone.id, milestone.title):
                return milestone
        raise KeyError(key)

    def rename(self, project: Project, new_path: str) -> None:
        """Give a project another full path: the old one redirects, and no webhook is sent.

        A change of namespace is what GitLab calls a transfer; nothing else differs.
        """
        old_path = project.path_with_namespace
        del self._by_path[old_path.lower()]
        project.old_paths.add(old_path)
        self._redirects[old_path.lower()] = project
        project.path_with_namespace = new_path
        self._redirects.pop(new_path.lower(), None)
        self._by_path[new_path.lower()] = project

    def transfer(self, project: Project, new_namespace: str) -> None:
        """Move a project to another group; its own path segment stays."""
        self.rename(project, f"{new_namespace}/{project.path}")

    def rename_group(self, old: str, new: str) -> None:
        """Rename a group: every project below it follows."""
        for project in self.all():
            if f"{project.namespace}/".startswith(f"{old}/"):
                self.rename(project, new + project.path_with_namespace.removeprefix(old))

    def delete(self, project: Project) -> None:
        """Remove a project and all in it; nothing is sent."""
        del self.by_id[project.id]
        del self._by_path[project.path_with_namespace.lower()]
        for old_path in project.old_paths:
            self._redirects.pop(old_path.lower(), None)
