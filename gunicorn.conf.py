"""How ``gunicorn wsgi:app`` serves. It lies beside ``wsgi.py`` so that gunicorn finds it there.

What differs from machine to machine is left to gunicorn's own variables: ``WEB_CONCURRENCY``
(processes, one by default) and ``GUNICORN_CMD_ARGS``, which goes before this file, as does
the command line. Why these figures: docs/deploy.md.
"""

from pathlib import Path
from typing import Any

worker_class = "gthread"
threads = 8

# A proxy gives up idle connections after 60 s (nginx): who closes first must be the proxy,
# or it will now and then send a request into a connection that is just being closed.
keepalive = 75

# Longer than validating a token, which waits for GitLab. Should the repair of a hook take longer,
# the secret it gave is known here already, and one more press does the rest.
graceful_timeout = 30

# A worker proves that it lives by touching a file; on a disk that can take too long.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108

# Its socket would be one per user, whatever the number of instances, and want a home to
# write to. Signals do what is needed.
control_socket_disable = True

# A cursor and some filters make long lines; what is longer still is answered 414.
limit_request_line = 8190

# By default gunicorn believes some headers of whoever connects from this machine, and behind a
# proxy that is everybody: SCRIPT_NAME moved every link of a page or made the answer a 500, and
# schemes that contradict one another made it a 400. Whom to believe TRUSTED_PROXIES says alone.
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}


def post_worker_init(worker: Any) -> None:
    """Keep threads for probes and for webhooks, whatever the others wait for.

    Imported here: what gunicorn's own process has loaded would survive a reload.
    """
    from gitlab_links.http import request_threads

    request_threads.install(worker)
