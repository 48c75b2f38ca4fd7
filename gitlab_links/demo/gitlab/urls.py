"""Where things are on the simulated instance."""

import hashlib
from dataclasses import dataclass
from urllib.parse import urlsplit

from gitlab_links.demo.gitlab.records import (
    Issue,
    Item,
    MergeRequest,
    Milestone,
    Pipeline,
    Project,
    User,
)

# Other types of work items have no page of their own kind.
LEGACY_PAGES = ("issue", "incident", "ticket")


@dataclass
class Urls:
    """Addresses under ``base_url``, which has the relative root and no slash at its end."""

    base_url: str = "http://gitlab.example.com"

    @property
    def instance(self) -> str:
        """The base URL without the relative root, as ``X-Gitlab-Instance`` gives it."""
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).hostname or "localhost"

    def user(self, user: User) -> str:
        return f"{self.base_url}/{user.username}"

    def avatar(self, user: User) -> str:
        digest = hashlib.sha256(user.email.encode()).hexdigest()
        return f"https://secure.gravatar.com/avatar/{digest}?s=80&d=identicon"

    def project(self, project: Project) -> str:
        return f"{self.base_url}/{project.path_with_namespace}"

    def item(self, item: Item) -> str:
        if isinstance(item, MergeRequest):
            kind = "merge_requests"
        elif isinstance(item, Issue) and (item.type not in LEGACY_PAGES):
            kind = "work_items"
        else:
            kind = "issues"
        return f"{self.project(item.project)}/-/{kind}/{item.iid}"

    def pipeline(self, project: Project, pipeline: Pipeline) -> str:
        return f"{self.project(project)}/-/pipelines/{pipeline.id}"

    def milestone(self, project: Project, milestone: Milestone) -> str:
        return f"{self.project(project)}/-/milestones/{milestone.iid}"

    def api(self, path: str) -> str:
        return f"{self.base_url}/api/v4/{path}"

    def ssh(self, project: Project) -> str:
        return f"git@{self.host}:{project.path_with_namespace}.git"

    def http(self, project: Project) -> str:
        return f"{self.project(project)}.git"
