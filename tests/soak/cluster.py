"""Three hosts over one database and one Redis: each with an address and a network of its own."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import requests
from sqlalchemy import make_url

from gitlab_links.local.processes import start_web, start_worker
from gitlab_links.local.supervisor import Child
from tests.hanging import HANGS
from tests.patience import within
from tests.soak.relay import Relay
from tests.soak.stage import Stage
from tests.soak.world import World

ADDRESSES = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
WORKERS = 2  # RQ workers in each worker.py


@dataclass
class Host:
    """A web process and a ``worker.py`` at an address; its ways to the two servers."""

    address: str
    database: Relay
    redis: Relay
    web: Child
    worker: Child

    def url(self, world: World) -> str:
        """Where this host takes the org's webhooks."""
        return world.url.replace("127.0.0.1", self.address)


class Cluster:
    """Starts the hosts, where nothing else of the service runs, and ends them."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        self.stage.clear()
        networks = [self._network(address) for address in ADDRESSES]
        webs = [self._start_web(*network) for network in networks]
        workers = [self._start_worker(*network) for network in networks]
        self.hosts = [
            Host(database.host, database, redis, web, worker)
            for (database, redis), web, worker in zip(networks, webs, workers, strict=True)
        ]
        for host in self.hosts:
            within(HANGS, lambda host=host: len(self.jobs_done(host)) == WORKERS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for host in self.hosts:
            self.kill(host)
        self._exit.close()

    def _network(self, address: str) -> tuple[Relay, Relay]:
        folder = Path(str(make_url(self.stage.database_url).query["host"]))
        server = ("127.0.0.1", self.stage.redis_port)
        targets: Sequence[Path | tuple[str, int]] = (folder / ".s.PGSQL.5432", server)
        database, redis = (
            self._exit.enter_context(Relay(address, 0, target)) for target in targets
        )
        return database, redis

    def _environment(self, database: Relay, redis: Relay) -> dict[str, str]:
        url = make_url(self.stage.database_url)
        url = url.set(host=database.host, port=database.port, query={})
        return {
            **self.stage.environment(
                DATABASE_URL=url.render_as_string(),
                REDIS_URL=f"redis://{redis.host}:{redis.port}/0",
                WORKER_PROCESSES=str(WORKERS),
            )
        }

    def _start_worker(self, database: Relay, redis: Relay) -> Child:
        environment = self._environment(database, redis)
        return start_worker(self.stage.supervisor, environment, name=f"worker-{database.host}")

    def _start_web(self, database: Relay, redis: Relay) -> Child:
        return start_web(
            self.stage.supervisor,
            self._environment(database, redis),
            self.stage.web_port,
            host=database.host,
            name=f"web-{database.host}",
        )

    def kill(self, host: Host) -> None:
        """Take the power from a host."""
        for child in (host.web, host.worker):
            self.stage.supervisor.kill(child)

    def start(self, host: Host) -> None:
        """Start a host that was killed."""
        host.worker = self._start_worker(host.database, host.redis)
        host.web = self._start_web(host.database, host.redis)

    def jobs_done(self, host: Host) -> dict[int, int]:
        """How many jobs each RQ worker of a host has done, by its process."""
        ours, done = set(self.stage.children(host.worker)), {}
        for key in self.stage.redis.smembers("rq:workers"):
            pid, jobs = self.stage.redis.hmget(key, "pid", "successful_job_count")
            if pid and int(pid) in ours:
                done[int(pid)] = int(jobs or 0)
        return done

    def works_again(self, host: Host, before: dict[int, int]) -> bool:
        """Whether every RQ worker of the host has done a job since it had done ``before``."""
        done = self.jobs_done(host)
        return len(done) == WORKERS and all(jobs > before.get(pid, 0) for pid, jobs in done.items())

    def answer(self, host: Host, path: str) -> requests.Response:
        """What the host says of itself."""
        url = f"http://{host.address}:{self.stage.web_port}{path}"
        headers = {"Accept": "application/json", "Connection": "close"}
        return requests.get(url, headers=headers, timeout=30)
