"""Running only jobs on a list: a job that somebody planted in Redis is refused."""

import uuid
from collections.abc import Callable
from typing import Any, ClassVar

import structlog
from flask import Flask
from rq.job import Job

from gitlab_links.job_triggers import moved_to_slow
from gitlab_links.jobs.functions import ALLOWED


class JobNotAllowed(Exception):
    """The job names a function that is not on the list."""


class AllowedJob(Job):
    """A job that runs only functions in ``functions.ALLOWED``, within an application context.

    Plain RQ would import any dotted name in Redis, as a job or as a callback.
    """

    app: ClassVar[Flask]
    success_callback = failure_callback = stopped_callback = None

    @property
    def func(self) -> Callable[..., Any]:
        """The allowed function of this name; raises :class:`JobNotAllowed`."""
        function = ALLOWED.get(self.func_name or "")
        if function is None or self.instance is not None:
            raise JobNotAllowed(f"refused: {self.func_name!r} is not a job of this service")

        def run(*arguments: str) -> None:
            with (
                self.app.app_context(),
                structlog.contextvars.bound_contextvars(job=function.__name__),
            ):
                if not self._is_moved(arguments):
                    function(*arguments)

        return run

    def _is_moved(self, arguments: tuple[str, ...]) -> bool:
        """Whether the job was moved to the queue of slow GitLabs."""
        return bool(arguments) and moved_to_slow(
            self.func_name or "", self.origin, uuid.UUID(arguments[0])
        )
