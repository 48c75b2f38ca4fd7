"""The whole service on one database: real processes, and a GitLab to break it with."""

import os
import secrets
import signal
import time
from collections.abc import Collection, Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.fernet import Fernet
from flask import Flask
from redis import Redis
from rq import SimpleWorker
from rq.exceptions import NoSuchJobError
from rq.serializers import JSONSerializer
from rq.worker import WorkerStatus

from gitlab_links.app import create_app
from gitlab_links.config.settings import Settings
from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.extensions import db
from gitlab_links.local.processes import start_web, start_worker
from gitlab_links.local.services import LOOPBACK, free_port, redis_answers, redis_server
from gitlab_links.local.supervisor import Child, Supervisor
from tests import databases, postgresql
from tests.factories import Factory
from tests.hanging import HANGS
from tests.patience import within

GITLAB_TOKEN = "glpat-of-the-soak"
WORKER_PROCESSES = 3
TTL = 3600  # so long that a scheduled refresh cannot hide a loss


class Stage:
    """Redis, a database, a simulated GitLab in this process; web and workers when asked for."""

    def __init__(self, dialect: str, supervisor: Supervisor | None = None) -> None:
        self.dialect = dialect
        self.supervisor = supervisor or Supervisor()
        self.web: Child | None = None
        self.workers: list[Child] = []
        self._served: tuple[int, Mapping[str, str]] = (0, {})

    def __enter__(self) -> Self:
        self.supervisor.__enter__()
        try:
            self._start()
        except BaseException:
            self.supervisor.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self.app.app_context():
            db.engine.dispose()
        self.gitlab.stop()
        self.supervisor.__exit__(kind, error, trace)

    def _start(self) -> None:
        self.redis_port, self.web_port, self.slow_port = free_port(), free_port(), free_port()
        self.redis_url = f"redis://{LOOPBACK}:{self.redis_port}/0"
        self.start_redis()
        self.redis = Redis.from_url(self.redis_url)
        self.database_url = self._make_database()
        self.gitlab = SimulatedGitLab.start(token=GITLAB_TOKEN, sender_threads=4)
        self.gitlab.state.calls.limit = 10**9
        self._secrets = {}
        for name, value in {
            "SECRET_KEY": secrets.token_urlsafe(48),
            "VIA_RAH_ENCRYPTION_KEY": Fernet.generate_key().decode(),
        }.items():
            path = self.supervisor.folder / name
            path.write_text(value)
            self._secrets[f"{name}_FILE"] = str(path)
        self.app = self.make_app()
        self.factory = Factory(self.app)

    def _make_database(self) -> str:
        name = f"soak_{secrets.token_hex(4)}"
        if self.dialect == "sqlite":
            url = f"sqlite:///{self.supervisor.folder / name}.db"
        else:
            programs = postgresql.find_programs()
            if programs is None:
                raise RuntimeError(postgresql.HOW_TO_GET_IT)
            url = postgresql.create_database(postgresql.start(self.supervisor, programs), name)
        databases.migrate(url)
        return url

    def environment(self, **changes: str) -> Mapping[str, str]:
        """The settings of the processes; secrets by file, as they must not be listed."""
        return {
            **self._secrets,
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "GITLAB_ALLOWED_HOSTS": (
                f"{self.gitlab.url.removeprefix('http://')},{LOOPBACK}:{self.slow_port}"
            ),
            "GITLAB_METADATA_TTL_SECONDS": str(TTL),
            "GITLAB_TIMEOUT_SECONDS": "5",
            "PUBLIC_BASE_URL": f"http://{LOOPBACK}:{self.web_port}",
            "API_RATE_LIMIT_PER_MINUTE": "1000000",
            "WORKER_PROCESSES": str(WORKER_PROCESSES),
            "WORKERS_REST_AFTER_SECONDS": "0",
            "LOG_LEVEL": "WARNING",
            **changes,
        }

    def make_app(self) -> Flask:
        """The application in this process, to set up and to look."""
        return create_app(Settings.from_environ({**self.environment(), "LOG_LEVEL": "ERROR"}))

    def start_redis(self) -> None:
        """Start a Redis that is empty, always on the same port."""
        command = [redis_server(), "--port", str(self.redis_port), "--bind", LOOPBACK]
        self._redis = self.supervisor.start(
            "redis",
            [*command, "--save", "", "--appendonly", "no"],
            ready=lambda: redis_answers(self.redis_url),
        )

    def stop_redis(self) -> None:
        """Take Redis away, with everything it held."""
        self.supervisor.kill(self._redis)

    def serve(self, *, workers: int = 1, **changes: str) -> None:
        """Have a gunicorn of two processes and so many ``worker.py`` run, and all be well."""
        self._heal_gitlab()
        if self.web is None or self.web.died():
            settings = self.environment(**changes)
            self.web = start_web(self.supervisor, settings, self.web_port, workers=2)
        present = [child for child in self.workers if not child.died()]
        if (len(present), changes) != self._served or (workers, changes) != self._served:
            self._served = (workers, changes)
            self._stop_workers()
            self.redis.flushall()
            self._start_workers()

    def restart_workers(self) -> None:
        """Have new workers do what is queued."""
        self._stop_workers()
        self._start_workers()

    def _stop_workers(self) -> None:
        for child in self.workers:
            self.supervisor.stop(child)

    def _start_workers(self) -> None:
        number, changes = self._served
        self.workers = [self._start_worker(n, changes) for n in range(number)]

    def clear(self) -> None:
        """Have no process of the service run, and all else be well."""
        self._heal_gitlab()
        for child in (self.web, *self.workers):
            if child is not None:
                self.supervisor.stop(child)
        self.redis.flushall()
        self.web, self.workers, self._served = None, [], (0, {})

    def _heal_gitlab(self) -> None:
        self.gitlab.state.faults.clear()
        self.gitlab.state.clock.offset = timedelta()
        for hook in self.gitlab.state.hooks.by_id.values():
            hook.recent_failures, hook.disabled_until = 0, None

    def _start_worker(self, number: int, changes: Mapping[str, str]) -> Child:
        wanted = (number + 1) * (WORKER_PROCESSES + 1)  # and a sender
        environment = self.environment(**changes)
        child = start_worker(self.supervisor, environment, name=f"worker-{number}")
        within(HANGS, lambda: self.redis.scard("rq:workers") >= wanted)
        return child

    def children(self, worker: Child) -> list[int]:
        """The processes of a ``worker.py``."""
        return [pid for pid in pids_below(worker.pid) if pid != worker.pid]

    def busy(self, worker: Child) -> dict[int, str]:
        """Those of them that are at a job just now, as far as Redis knows: by process, the
        job as RQ describes it.
        """
        ours = set(self.children(worker))
        return {
            member.pid: _described(member)
            for member in SimpleWorker.all(connection=self.redis, serializer=JSONSerializer)
            if member.pid in ours and member.get_state() == WorkerStatus.BUSY
        }

    def gitlab_calls(self, project_ids: Collection[int]) -> int:
        """API calls about items of these projects so far."""
        counts = self.gitlab.state.calls.counts()
        items = ("/issues", "/merge_requests")
        return sum(
            number
            for call, number in counts.items()
            if call.project_id in project_ids and any(kind in call.route for kind in items)
        )

    def restart_postgresql(self, seconds_away: float) -> None:
        """Stop the server as an upgrade does, leave it away for a while, start it again."""
        self.stop_postgresql()
        time.sleep(seconds_away)
        self.start_postgresql()

    def stop_postgresql(self) -> None:
        """Stop the server; whoever is connected is cut off."""
        pid_file = self.supervisor.folder / "postgresql" / "data" / "postmaster.pid"
        os.kill(int(pid_file.read_text().split()[0]), signal.SIGINT)
        within(HANGS, lambda: not pid_file.exists())

    def start_postgresql(self) -> None:
        """Start the server that was stopped."""
        programs = postgresql.find_programs()
        assert programs is not None
        postgresql.serve(self.supervisor, programs)


def _described(worker: SimpleWorker) -> str:
    """Its job; nothing if that is over, or forgotten, at this moment."""
    try:
        job = worker.get_current_job()
    except NoSuchJobError:
        return ""
    return (job and job.description) or ""


def pids_below(parent: int) -> list[int]:
    """A process and all that it started, by Linux's own list."""
    found = [parent]
    for pid in found:
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
            found += [int(word) for word in children.split()]
        except OSError:
            continue
    return found
