"""``python -m gitlab_links.demo``: everything at once, with sample data, and nothing kept.

Redis, the simulated GitLab, the web process and the workers, on a fresh SQLite database
in a temporary folder.
"""

import argparse
import secrets
import sys
from pathlib import Path

from cryptography.fernet import Fernet

from gitlab_links.demo import seed
from gitlab_links.demo.sample_tasks import TASKS
from gitlab_links.local import processes
from gitlab_links.local.foreground import run_until_stopped, say
from gitlab_links.local.services import LOOPBACK, start_redis
from gitlab_links.local.supervisor import Supervisor

TTL_SECONDS = 60
# Where a visitor's own receiver of events may listen. Redis and the simulated GitLab do not.
RECEIVER_PORTS = range(3000, 10_000)


def main() -> int:
    """Run the demo in the foreground."""
    parser = argparse.ArgumentParser(prog="python -m gitlab_links.demo")
    parser.add_argument("--port", type=int, default=8000)
    port: int = parser.parse_args().port
    return run_until_stopped(port, lambda supervisor: _start(supervisor, port))


def _start(supervisor: Supervisor, port: int) -> None:
    say("Starting Redis, a simulated GitLab, the web process and the workers ...")
    url = f"http://{LOOPBACK}:{port}"
    token = f"glpat-{secrets.token_urlsafe(15)}"
    # In hexadecimal: an argument that begins with a hyphen would be an option.
    client = ("gitlab_links_demo", secrets.token_hex(24))
    application = (*client, f"{url}/sign-in/callback")
    gitlab_url = processes.start_gitlab(supervisor, "--token", token, "--application", *application)
    environment = _environment(supervisor, url, gitlab_url, *client)
    processes.migrate(supervisor, environment)
    processes.start_web(supervisor, environment, port)
    worker = processes.start_worker(supervisor, environment)
    say("Making an org with tasks, and linking them to issues and merge requests ...")
    org = seed.bootstrap(supervisor, environment, url)
    seed.add_people(org)
    seed.connect(org, gitlab_url, token)
    first_task = f"{org.path}/tasks/{seed.add_tasks(org, gitlab_url)}"
    seed.let_gitlab_speak(gitlab_url)
    seed.mention_a_task(gitlab_url)
    try:
        count = seed.wait_until_synced(org, supervisor.check)
    except seed.NotSynced as late:
        raise worker.failed(f"is late: {late}") from None
    seed.repair_hooks(org, supervisor.check)
    say(f"Ready: {url} login {seed.ADMIN} password {seed.PASSWORD} API key {org.api_key}")
    say()
    say(f"  {count} links to issues and merge requests are up to date. Try this:")
    say(f"  1. Log in and open   {url}{first_task}")
    say(f"  2. Edit its issue in {gitlab_url}/{TASKS[0].items[0]}")
    say("     and watch the page follow, without a reload.")
    say("  3. Write ACME-1 into the title or description of any other item there:")
    say("     it appears on the page of ACME-1, and goes when you take it back.")
    say("  4. Log out, and sign in with GitLab as Amara Okafor.")
    say("  Who disconnects the org finds an access token, to connect it again, in")
    say(f"     {gitlab_url}/-/user_settings/personal_access_tokens")
    say("  Others may log in with the same password:")
    for email, (_, role) in seed.PEOPLE.items():
        say(f"     {email:20} {role}")
    say("  Programs of yours at 127.0.0.1, ports 3000 to 9999, can receive events: see Endpoints.")
    say("  Ctrl-C ends everything and keeps nothing.")


def _environment(
    supervisor: Supervisor, url: str, gitlab_url: str, client_id: str, client_secret: str
) -> dict[str, str]:
    folder = supervisor.folder
    return {
        "DATABASE_URL": f"sqlite:///{folder / 'demo.db'}",
        "REDIS_URL": start_redis(supervisor),
        "SECRET_KEY_FILE": _secret(folder / "secret_key", secrets.token_urlsafe(48)),
        "VIA_RAH_ENCRYPTION_KEY_FILE": _secret(
            folder / "encryption_key", Fernet.generate_key().decode()
        ),
        "GITLAB_ALLOWED_HOSTS_FILE": _secret(folder / "allowed_hosts", _allowed(gitlab_url)),
        "GITLAB_METADATA_TTL_SECONDS": str(TTL_SECONDS),
        "OIDC_ISSUER": gitlab_url,
        "OIDC_CLIENT_ID": client_id,
        "OIDC_CLIENT_SECRET_FILE": _secret(folder / "client_secret", client_secret),
        "OIDC_LABEL": "GitLab",
        "OIDC_TRUST_ADDRESSES": "yes",
        "PUBLIC_BASE_URL": url,
        "LOG_LEVEL": "WARNING",
        "WORKER_PROCESSES": "2",
        # The demo is the same everywhere, whatever settings lie beside it.
        "FLASK_SKIP_DOTENV": "1",
    }


def _allowed(gitlab_url: str) -> str:
    hosts = (LOOPBACK, "localhost")
    receivers = (f"{host}:{port}" for host in hosts for port in RECEIVER_PORTS)
    return ",".join((gitlab_url.removeprefix("http://"), *receivers))


def _secret(path: Path, value: str) -> str:
    path.touch(mode=0o600)
    path.write_text(value, encoding="utf-8")
    return str(path)


if __name__ == "__main__":
    sys.exit(main())
