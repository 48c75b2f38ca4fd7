"""``python -m gitlab_links.demo``: everything at once, with sample data, and nothing kept.

Redis, the simulated GitLab, the web process and the workers, on a fresh SQLite database
in a temporary folder.
"""

import argparse
import secrets
import sys
from pathlib import Path

from cryptography.fernet import Fernet

from gitlab_links.app import create_app
from gitlab_links.config import Settings
from gitlab_links.demo import processes, sample_tasks, seed
from gitlab_links.demo.foreground import run_until_stopped, say
from gitlab_links.demo.services import LOOPBACK, start_redis
from gitlab_links.demo.supervisor import Supervisor

TTL_SECONDS = 60


def main() -> int:
    """Run the demo in the foreground."""
    parser = argparse.ArgumentParser(prog="python -m gitlab_links.demo")
    parser.add_argument("--port", type=int, default=8000)
    port: int = parser.parse_args().port
    return run_until_stopped(port, lambda supervisor: _start(supervisor, port))


def _start(supervisor: Supervisor, port: int) -> None:
    say("Starting Redis, a simulated GitLab, the web process and the workers ...")
    token = f"glpat-{secrets.token_urlsafe(15)}"
    gitlab_url = processes.start_gitlab(supervisor, "--token", token)
    environment = _environment(supervisor, port, gitlab_url)
    app = create_app(Settings.from_environ(environment))
    processes.migrate(supervisor, environment)
    processes.start_web(supervisor, environment, port)
    worker = processes.start_worker(supervisor, environment)
    say("Making an org with tasks, and linking them to issues and merge requests ...")
    sample = seed.seed(app, gitlab_url, token)
    try:
        count = seed.wait_until_synced(app, supervisor.check)
    except seed.NotSynced as late:
        raise worker.failed(f"is late: {late}") from None
    _tell(f"http://{LOOPBACK}:{port}", gitlab_url, sample, count)


def _environment(supervisor: Supervisor, port: int, gitlab_url: str) -> dict[str, str]:
    folder = supervisor.folder
    return {
        "DATABASE_URL": f"sqlite:///{folder / 'demo.db'}",
        "REDIS_URL": start_redis(supervisor),
        "SECRET_KEY_FILE": _secret(folder / "secret_key", secrets.token_urlsafe(48)),
        "VIA_RAH_ENCRYPTION_KEY_FILE": _secret(
            folder / "encryption_key", Fernet.generate_key().decode()
        ),
        "GITLAB_ALLOWED_HOSTS": gitlab_url.removeprefix("http://"),
        "GITLAB_METADATA_TTL_SECONDS": str(TTL_SECONDS),
        "PUBLIC_BASE_URL": f"http://{LOOPBACK}:{port}",
        "LOG_LEVEL": "WARNING",
        "WORKER_PROCESSES": "2",
    }


def _secret(path: Path, value: str) -> str:
    path.touch(mode=0o600)
    path.write_text(value, encoding="utf-8")
    return str(path)


def _tell(url: str, gitlab_url: str, sample: seed.Sample, count: int) -> None:
    login = sample.login
    others = ", ".join(seed.PEOPLE)
    say(f"Ready: {url} login {login.email} password {login.password} API key {login.api_key}")
    say()
    say(f"  {count} issues and merge requests are linked and up to date. Try this:")
    say(f"  1. Log in and open   {url}{sample.first_task_path}")
    say(f"  2. Edit its issue in {gitlab_url}/{sample_tasks.TASKS[0].items[0]}")
    say("     and watch the page follow, without a reload.")
    say(f"  Others who may log in with that password: {others}")
    say("  Ctrl-C ends everything and keeps nothing.")


if __name__ == "__main__":
    sys.exit(main())
