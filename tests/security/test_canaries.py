"""Secrets go through all that the service does, then are looked for where they must not be."""

import base64
import json
import os
import subprocess
import zlib
from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import text

from gitlab_links.config.settings import Settings
from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.extensions import db
from gitlab_links.local import processes as service
from gitlab_links.local.services import LOOPBACK, free_port, python
from gitlab_links.local.supervisor import PROJECT, Supervisor
from tests.conftest import GITLAB_TOKEN
from tests.databases import Database
from tests.security.canaries import (
    EMAIL,
    NOTIFY_PATH,
    PASSWORD,
    SET_IN_VAIN,
    SIGNING_TOKEN,
    WEBHOOK_SECRET,
    Browser,
    fail_in_every_way,
    go_through_everything,
    look_at_every_page,
)

# What is stored is the same on either database, and of SQLite all bytes of its files are read.
pytestmark = [pytest.mark.processes, pytest.mark.only_on("sqlite")]


@pytest.fixture
def canary(
    app: Flask, gitlab: SimulatedGitLab, processes: Supervisor, environment: dict[str, str]
) -> Browser:
    """Web and worker, talkative, and an org set up by the operator's command."""
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    changed = environment | {"PUBLIC_BASE_URL": url, "LOG_LEVEL": "DEBUG"}
    service.start_web(processes, changed, port)
    service.start_worker(processes, changed)
    command = python(
        "-m", "flask", "--app", "wsgi", "bootstrap", "--email", EMAIL, "--org", "Canary"
    )
    done = subprocess.run(
        [*command, "--password", PASSWORD, "--json"],
        cwd=PROJECT, env={**os.environ, **changed, "FLASK_SKIP_DOTENV": "1"},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert PASSWORD not in done.stdout + done.stderr
    made = json.loads(done.stdout.strip().splitlines()[-1])
    return Browser(url, made["api_key"], made["org_id"])


def everything_stored(app: Flask, database: Database) -> str:
    with app.app_context():
        rows = [
            repr(tuple(row))
            for table in db.metadata.sorted_tables
            for row in db.session.execute(text(f"SELECT * FROM {table.name}"))
        ]
        db.session.rollback()
    found = "\n".join(rows)
    path = Path(database.url.removeprefix("sqlite:///"))
    # By another process: whoever closes the file gives up this process's locks on it.
    files = [str(file) for file in path.parent.glob(f"{path.name}*")]
    done = subprocess.run(["cat", *files], capture_output=True, check=True)
    return found + done.stdout.decode("latin-1")


def everything_in_redis(redis: Redis) -> str:
    found: list[bytes] = []
    for key in redis.keys("*"):
        found.append(key)
        match redis.type(key):
            case b"string":
                found.append(redis.get(key) or b"")
            case b"hash":
                found += [part for pair in redis.hgetall(key).items() for part in pair]
            case b"list":
                found += redis.lrange(key, 0, -1)
            case b"set":
                found += redis.smembers(key)
            case b"zset":
                found += redis.zrange(key, 0, -1)
            case b"stream":
                found.append(repr(redis.xrange(key)).encode())
    unpacked = []
    for value in found:
        try:
            unpacked.append(zlib.decompress(value))
        except zlib.error:
            continue
    assert unpacked, "the failed job is in Redis, compressed"
    return b"\n".join([*found, *unpacked]).decode("latin-1")


def spellings(secret: str) -> set[str]:
    """The secret as such, and as it would look in a URL, in JSON, or encoded."""
    raw = secret.encode()
    shifted = {base64.b64encode(b" " * shift + raw).decode()[4:-4] for shift in range(3)}
    return {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], raw.hex(), *shifted}


def test_no_secret_is_found_where_it_does_not_belong(
    app: Flask,
    database: Database,
    redis: Redis,
    settings: Settings,
    gitlab: SimulatedGitLab,
    processes: Supervisor,
    canary: Browser,
) -> None:
    made = go_through_everything(canary, gitlab)
    fail_in_every_way(canary, app, gitlab, redis)
    look_at_every_page(canary)

    places = {
        "the database": everything_stored(app, database),
        "Redis": everything_in_redis(redis),
        "answers and pages": "\n".join(canary.heard),
        **{
            file.name: file.read_text("utf-8", "replace") for file in processes.folder.glob("*.log")
        },
    }
    assert {"web.log", "worker.log"} <= set(places)
    assert (
        EMAIL in places["the database"] and "Traceback" in places["web.log"] + places["worker.log"]
    )
    cookie = canary.session.cookies["session"]
    secrets = {
        "token": GITLAB_TOKEN, "webhook secret": WEBHOOK_SECRET, "signing token": SIGNING_TOKEN,
        "password": PASSWORD, "API key": canary.key, "notify address": NOTIFY_PATH,
        "refused value": SET_IN_VAIN, "session cookie": cookie, "SECRET_KEY": settings.secret_key,
        "encryption key": settings.encryption_keys[0],
        **{f"made {number}": secret for number, secret in enumerate(made)},
    }  # fmt: skip
    leaks = [
        (name, place)
        for name, secret in secrets.items()
        for place, content in places.items()
        if any(spelling in content for spelling in spellings(secret))
    ]
    assert leaks == []
