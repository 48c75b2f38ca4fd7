"""Everything that a benchmark runs against, as processes of their own, on loopback only."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests
from cryptography.fernet import Fernet
from flask import Flask
from redis import Redis

from benchmarks.processes import weigh_less
from gitlab_links.app import create_app
from gitlab_links.config.settings import Settings
from gitlab_links.local.processes import answers
from gitlab_links.local.services import LOOPBACK, free_port, listens, python, start_redis
from gitlab_links.local.supervisor import Child, Supervisor
from tests import databases, postgresql

GITLAB_TOKEN = "glpat-of-the-benchmarks"
GITLAB_SECONDS = 0.030
WEB_PROCESSES = 2
WEB_THREADS = 8
TTL = 3600


class NoPostgres(Exception):
    """There is no PostgreSQL server to be started."""


@dataclass(frozen=True, slots=True)
class Web:
    """A gunicorn that answers."""

    child: Child
    port: int


@dataclass
class Stage:
    """PostgreSQL, Redis and a simulated GitLab; web and worker processes when asked for."""

    supervisor: Supervisor = field(default_factory=Supervisor)

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
        self.supervisor.__exit__(kind, error, trace)

    def _start(self) -> None:
        programs = postgresql.find_programs()
        if programs is None:
            raise NoPostgres(postgresql.HOW_TO_GET_IT)
        self._server = postgresql.start(self.supervisor, programs)
        self.redis_url = start_redis(self.supervisor)
        self.redis = Redis.from_url(self.redis_url)
        self.gitlab_port, self.web_port = free_port(), free_port()
        self.gitlab_url = f"http://{LOOPBACK}:{self.gitlab_port}"
        self.gitlab = self._start_gitlab()
        self._secrets = {
            "SECRET_KEY": secrets.token_urlsafe(48),
            "VIA_RAH_ENCRYPTION_KEY": Fernet.generate_key().decode(),
        }
        self.database_url = self.new_database("postgresql")
        self.app = self.make_app(self.database_url)

    def _start_gitlab(self) -> Child:
        module = ["-m", "gitlab_links.demo.gitlab", "--empty", "--token", GITLAB_TOKEN]
        child = self.supervisor.start(
            "gitlab",
            python(*module, "--port", str(self.gitlab_port)),
            ready=lambda: listens(self.gitlab_port),
        )
        self.control("rate_limit", limit=10**9)
        self.control("latency", seconds=GITLAB_SECONDS)
        return child

    def new_database(self, dialect: str) -> str:
        """A new, migrated database; gives its URL."""
        name = f"bench_{secrets.token_hex(4)}"
        if dialect == "sqlite":
            url = f"sqlite:///{self.supervisor.folder / name}.db"
        else:
            url = postgresql.create_database(self._server, name)
        databases.migrate(url)
        return url

    def environment(self, database_url: str, **changes: str) -> dict[str, str]:
        """The settings of a process on this stage."""
        return {
            **self._secrets,
            "DATABASE_URL": database_url,
            "REDIS_URL": self.redis_url,
            "GITLAB_ALLOWED_HOSTS": f"{LOOPBACK}:{self.gitlab_port}",
            "GITLAB_METADATA_TTL_SECONDS": str(TTL),
            "PUBLIC_BASE_URL": f"http://{LOOPBACK}:{self.web_port}",
            "API_RATE_LIMIT_PER_MINUTE": "1000000",
            **changes,
        }

    def make_app(self, database_url: str) -> Flask:
        """The application within this process, as quiet as it gets."""
        environment = self.environment(database_url, LOG_LEVEL="ERROR")
        # What is stored beforehand is stored in statements of any length.
        settings = replace(Settings.from_environ(environment), database_timeout=3600)
        return create_app(settings)

    def start_web(
        self,
        name: str = "web",
        application: str = "wsgi:app",
        *,
        processes: int = WEB_PROCESSES,
        settings: Mapping[str, str] | None = None,
    ) -> Web:
        """A gunicorn on a port of its own; the floors get the very same one."""
        first = application == "wsgi:app" and not listens(self.web_port)
        port = self.web_port if first else free_port()
        arguments = ["-m", "gunicorn", application, "--bind", f"{LOOPBACK}:{port}"]
        arguments += ["--worker-class", "gthread", "--workers", str(processes)]
        arguments += ["--threads", str(WEB_THREADS), "--no-control-socket"]
        child = self.supervisor.start(
            name,
            python(*arguments),
            settings=self.environment(self.database_url) | dict(settings or {}),
            ready=lambda: answers(port),
        )
        return Web(child, port)

    def start_worker(self) -> Child:
        """A ``worker.py``, ready when the worker that begins has registered."""
        workers = 3
        expected = self.redis.scard("rq:workers") + 1
        worker = self.supervisor.start(
            "worker",
            python("worker.py"),
            settings=self.environment(self.database_url, WORKER_PROCESSES=str(workers)),
            ready=lambda: self.redis.scard("rq:workers") >= expected,
        )
        weigh_less(worker.pid)
        return worker

    def stop(self, child: Child) -> None:
        """End a process; the triggers it has not answered go with it."""
        self.supervisor.stop(child)
        self.redis.flushdb()

    def control(self, operation: str, **given: Any) -> Any:
        """Have the simulated GitLab do something."""
        answer = requests.post(f"{self.gitlab_url}/-/sim/{operation}", json=given, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def gitlab_calls(self) -> int:
        """API calls about items since the last ``reset_calls``; a token is checked now and then."""
        calls = requests.get(f"{self.gitlab_url}/-/sim/calls", timeout=10).json()["calls"]
        items = ("/issues", "/merge_requests")
        return sum(call["count"] for call in calls if any(kind in call["route"] for kind in items))

    def jobs_run(self) -> int:
        """RQ jobs that the present workers have ended."""
        keys = list(self.redis.smembers("rq:workers"))
        names = ("successful_job_count", "failed_job_count")
        return sum(int(self.redis.hget(key, name) or 0) for key in keys for name in names)

    def logs(self) -> str:
        """The ends of all logs, for when something went wrong."""
        tails = [
            f"{name}:\n" + "\n".join(log.read_text(errors="replace").splitlines()[-12:])
            for name in ("gitlab", "web", "worker")
            if (log := self.folder / f"{name}.log").exists()
        ]
        return "\n\n".join(tails)

    @property
    def plain_database_url(self) -> str:
        """The database's URL as psycopg takes it."""
        return self.database_url.replace("+psycopg", "")

    @property
    def folder(self) -> Path:
        """A folder that goes with the stage."""
        return self.supervisor.folder
