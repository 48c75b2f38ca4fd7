"""The configuration of ``gunicorn wsgi:app``, beside ``wsgi.py`` so that gunicorn finds it.

Set what differs between machines with gunicorn's own variables: ``WEB_CONCURRENCY`` (processes,
one by default) and ``GUNICORN_CMD_ARGS``, which has precedence over this file, as the command
line has. docs/deploy.md explains the numbers.
"""

from pathlib import Path
from typing import Any

worker_class = "gthread"
threads = 8

# A proxy closes idle connections after 60 s (nginx). It must close first, or it will now and then
# send a request into a connection that is just being closed.
keepalive = 75

# Longer than validating a token, which waits for GitLab.
graceful_timeout = 30

# A worker sends its heartbeat by touching a file; on a disk that can take too long.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108

# All instances of a user would share its socket, and it needs a writable home. Signals suffice.
control_socket_disable = True

# A cursor and some filters make long lines; longer ones are answered with 414.
limit_request_line = 8190

# By default gunicorn trusts some headers of local clients, and behind a proxy everybody is one:
# SCRIPT_NAME changed every link of a page or caused a 500, and contradicting schemes caused a
# 400. Only TRUSTED_PROXIES decides which headers to trust.
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}


def on_starting(server: Any) -> None:
    """Have one worker, which loads the service and forks the processes that were asked for."""
    import sys

    server.forks = 1
    if sys.platform == "linux":
        server.forks = server.cfg.workers
        server.cfg.set("workers", 1)
        server.num_workers = 1


# gunicorn has then read its settings again.
on_reload = on_starting


# The service is imported in workers only: what gunicorn itself has loaded survives a reload.


def post_fork(server: Any, worker: Any) -> None:
    """Fork the processes that serve. If there is but one, the worker serves itself."""
    if server.forks > 1:
        from gitlab_links import web_processes

        web_processes.fork(worker, server.forks)


def post_worker_init(worker: Any) -> None:
    """Reserve threads for probes and webhooks; read what GitLab could not send until now."""
    from gitlab_links import web_processes
    from gitlab_links.deltas import turned_away
    from gitlab_links.http import request_threads

    request_threads.install(worker)
    turned_away.note_start(worker.wsgi)
    web_processes.take_signals()
