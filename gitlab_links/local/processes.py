"""The service's own processes, started as an operator would start them."""

from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException

from gitlab_links.local.services import LOOPBACK, free_port, python
from gitlab_links.local.supervisor import Child, Supervisor

WEB_STOP_SECONDS = 3

Environment = Mapping[str, str]


def migrate(supervisor: Supervisor, environment: Environment) -> None:
    """Migrate the database to the newest revision."""
    command = python("-m", "flask", "--app", "wsgi", "db", "upgrade")
    supervisor.run("migrations", command, settings=environment)


def start_web(
    supervisor: Supervisor,
    environment: Environment,
    port: int,
    *,
    host: str = LOOPBACK,
    name: str = "web",
    workers: int = 1,
) -> Child:
    """Start gunicorn on a loopback address and wait until it answers."""
    command = python("-m", "gunicorn", "wsgi:app", "--bind", f"{host}:{port}")
    command += ["--workers", str(workers)]
    # An open tab keeps its connection, and Ctrl-C must not wait for it.
    command += ["--graceful-timeout", str(WEB_STOP_SECONDS)]
    return supervisor.start(
        name, command, settings=environment, ready=lambda: answers(port, host=host)
    )


def start_worker(
    supervisor: Supervisor, environment: Environment, *, name: str = "worker"
) -> Child:
    """Start ``worker.py``, with RQ workers and the schedule, without waiting until it is ready."""
    return supervisor.start(name, python("worker.py"), settings=environment)


def start_gitlab(supervisor: Supervisor, *options: str) -> str:
    """Start the simulated GitLab as a separate process; returns its base URL."""
    port = free_port()
    supervisor.start(
        "gitlab",
        python("-m", "gitlab_links.demo.gitlab", "--port", str(port), *options),
        ready=lambda: answers(port, "/"),
    )
    return f"http://{LOOPBACK}:{port}"


def answers(port: int, path: str = "/healthz", *, host: str = LOOPBACK) -> bool:
    """Whether a server on a loopback address answers without a server error."""
    connection = HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
