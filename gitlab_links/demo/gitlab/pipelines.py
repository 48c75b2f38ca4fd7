"""Pipelines of merge requests."""

import threading
from collections.abc import Callable

from gitlab_links.demo.gitlab.people import People
from gitlab_links.demo.gitlab.records import MergeRequest, Pipeline, User
from gitlab_links.demo.gitlab.sending import Publisher
from gitlab_links.demo.gitlab.timing import Clock

STATUSES = (
    "created", "waiting_for_resource", "preparing", "pending", "running", "success", "failed",
    "canceled", "skipped", "manual", "scheduled",
)  # fmt: skip
FINISHED = {"success", "failed", "canceled", "skipped"}


class Pipelines:
    """Runs pipelines that do nothing but change their status and say so."""

    def __init__(
        self,
        lock: threading.RLock,
        *,
        next_id: Callable[[], int],
        clock: Clock,
        people: People,
        publisher: Publisher,
    ) -> None:
        self._lock = lock
        self._next_id = next_id
        self._clock = clock
        self._people = people
        self._publisher = publisher

    def run(
        self,
        mr: MergeRequest,
        status: str = "running",
        *,
        by: User | str | None = None,
        notify: bool = True,
        source: str = "push",
    ) -> Pipeline:
        """A new pipeline, from now on the head pipeline of the merge request; one of a branch
        also of the project's others at the same commit.

        ``source`` is ``push``, of a branch, or ``merge_request_event``. The time of a merge
        request does not move with it.
        """
        with self._lock:
            now = self._clock.now()
            pipeline = Pipeline(
                id=self._next_id(),
                iid=len(mr.source_project.pipelines) + 1,
                project_id=mr.source_project.id,
                status="created",
                ref=mr.source_branch,
                sha=mr.sha,
                user=mr.author if by is None else self._people.user(by),
                created_at=now,
                updated_at=now,
                source=source,
            )
            mr.source_project.pipelines.append(pipeline)
            for one in mr.project.merge_requests.values():
                if one is mr or (source == "push" and one.sha == mr.sha):
                    one.head_pipeline = pipeline
            self.set_status(mr, status, notify=notify)
            return pipeline

    def set_status(self, mr: MergeRequest, status: str, *, notify: bool = True) -> None:
        """Change the head pipeline's status; the merge request itself stays as it is."""
        if status not in STATUSES:
            raise ValueError(f"status is one of {', '.join(STATUSES)}")
        with self._lock:
            pipeline = mr.head_pipeline
            if pipeline is None:
                raise KeyError(f"{mr.title} has no pipeline")
            now = self._clock.now()
            pipeline.status, pipeline.updated_at = status, now
            if status not in {"created", "pending", "skipped"} and pipeline.started_at is None:
                pipeline.started_at = now
            pipeline.finished_at = now if status in FINISHED else None
            if notify:
                self._publisher.pipeline(pipeline, mr.source_project, mr)
