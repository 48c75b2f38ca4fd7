"""What stands in the files for deployment agrees with the code."""

import os
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import flask_bootstrap
import pytest
import yaml
from gunicorn.config import KNOWN_SETTINGS

from gitlab_links.config.settings import CANNOT_START
from gitlab_links.local.supervisor import PROJECT

COMPOSE_ONLY = {"POSTGRES_PASSWORD", "PORT", "IMAGE_TAG", "WEB_CONCURRENCY"}


def settings() -> set[str]:
    """The names in .env.example, which is held to what is read by a test of its own."""
    example = (PROJECT / ".env.example").read_text()
    return set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((PROJECT / "compose.yaml").read_text())
    return loaded


def test_compose_sets_nothing_that_nobody_reads(compose: dict[str, Any]) -> None:
    own = {name for name, service in compose["services"].items() if "env_file" in service}
    assert own == {"migrations", "web", "worker"}
    for name in own:
        assert set(compose["services"][name]["environment"]) <= settings() | COMPOSE_ONLY


def test_compose_asks_only_for_what_the_docs_tell_to_set(compose: dict[str, Any]) -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+)", (PROJECT / "compose.yaml").read_text()))
    assert asked <= settings() | COMPOSE_ONLY
    assert "POSTGRES_PASSWORD" in (PROJECT / "docs" / "deploy.md").read_text()


def test_our_containers_have_no_more_rights_than_they_need(compose: dict[str, Any]) -> None:
    for name in ("migrations", "web", "worker"):
        service = compose["services"][name]
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_every_image_is_named_by_version(compose: dict[str, Any]) -> None:
    others = [s["image"] for s in compose["services"].values() if "build" not in s]
    bases = re.findall(r"^FROM (\S+)", (PROJECT / "Dockerfile").read_text(), re.MULTILINE)
    assert others
    assert bases
    for image in [*others, *bases]:
        assert re.fullmatch(r"[a-z/]+:\d+(\.\d+)*(-[a-z-]+)*", image), image


def test_the_image_holds_everything_that_the_service_is() -> None:
    ignored = (PROJECT / ".dockerignore").read_text().split()
    kept = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    dockerfile = (PROJECT / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", dockerfile, re.MULTILINE)
    assert kept == {word for words in copied for word in words.split()}
    assert {path for path in kept if not (PROJECT / path).exists()} == set()


def test_pages_use_no_part_of_bootstrap_that_the_image_lacks() -> None:
    pages = "".join(path.read_text() for path in (PROJECT / "gitlab_links").rglob("*.html"))
    used = set(re.findall(r"'bootstrap\.static', filename='([^']+)'", pages))
    assert (pages.count("bootstrap.static"), used) == (1, {"css/bootstrap.min.css"})
    assert "'*/bootstrap5/css/bootstrap.min.css'" in (PROJECT / "Dockerfile").read_text()
    assert (
        Path(flask_bootstrap.__file__).parent / "static/bootstrap5/css/bootstrap.min.css"
    ).exists()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The folder of the image: what the Dockerfile copies and .dockerignore does not leave out."""
    lines = (PROJECT / ".dockerignore").read_text().split()
    left_out = [str(PROJECT / line) for line in lines if line[0] not in "!*"]
    folder = tmp_path / "image"
    folder.mkdir()

    def ignored(parent: str, names: list[str]) -> set[str]:
        return {name for name in names if f"{parent}/{name}" in left_out or name == "__pycache__"}

    for line in lines:
        source = PROJECT / line.removeprefix("!")
        if line.startswith("!") and source.is_dir():
            shutil.copytree(source, folder / source.name, ignore=ignored)
        elif line.startswith("!"):
            shutil.copy(source, folder)
    return folder


SERVE = """
import importlib, pkgutil, gitlab_links, worker, wsgi
for module in pkgutil.walk_packages(gitlab_links.__path__, "gitlab_links."):
    importlib.import_module(module.name)
client = wsgi.app.test_client()
print(client.get("/healthz").status_code, client.get("/login").status_code)
"""


@pytest.mark.processes
def test_the_image_serves_without_demo_and_make_run(image: Path, tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": "only for this test alone",
        "DATABASE_URL": f"sqlite:///{tmp_path}/service.db",
        "REDIS_URL": f"unix://{tmp_path}/nobody.sock",
    }
    assert not (image / "gitlab_links" / "demo").exists()
    assert not (image / "gitlab_links" / "local").exists()
    for command in (["-m", "flask", "--app", "wsgi", "db", "upgrade"], ["-c", SERVE]):
        ran = subprocess.run(
            [sys.executable, *command],
            cwd=image, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == ["200", "200"]


@pytest.mark.processes
def test_the_wrapper_keeps_the_variables_of_its_caller(image: Path, tmp_path: Path) -> None:
    shutil.copy(PROJECT / "commands.py", image)
    (image / ".venv").symlink_to(sys.prefix)
    (image / ".env").write_text(
        f"SECRET_KEY=only for this test alone\nREDIS_URL=unix://{tmp_path}/nobody.sock\n"
        f"DATABASE_URL=sqlite:///{tmp_path}/service.db\n"
    )
    docs = (PROJECT / "docs" / "deploy.md").read_text()
    (wrapper,) = re.findall(r"/bin/gitlab-links <<'END'\n(.+?)END\n", docs, re.DOTALL)
    script = tmp_path / "gitlab-links"
    script.write_text(wrapper.replace("/opt/gitlab-links/", f"{image}/"))
    (tmp_path / "runuser").write_text('#!/bin/sh\nshift 3\nexec "$@"\n')
    for program in (script, tmp_path / "runuser"):
        program.chmod(0o755)
    # Another service's settings, in the folder that the operator happens to be in.
    (tmp_path / ".env").write_text(f"DATABASE_URL=sqlite:///{tmp_path}/another.db\n")
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    for own, file in (
        ({}, "service.db"),
        ({"DATABASE_URL": f"sqlite:///{tmp_path}/restored.db"}, "restored.db"),
    ):
        ran = subprocess.run(
            [script, "doctor"],
            cwd=tmp_path, env=path | own, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert f"there is no SQLite file {tmp_path}/{file}." in ran.stdout, ran.stderr
        assert "create it: gitlab-links db upgrade" in ran.stdout


def test_gunicorn_knows_every_setting_it_is_given() -> None:
    given: dict[str, Any] = {}
    path = PROJECT / "gunicorn.conf.py"
    exec(compile(path.read_text(), path, "exec"), given)
    names = {name for name in given if name[0].islower()}
    assert names - {setting.name for setting in KNOWN_SETTINGS} == set()
    assert given["worker_class"] == "gthread"


def unit(name: str) -> ConfigParser:
    parser = ConfigParser(strict=False, interpolation=None, delimiters=["="])
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((PROJECT / "deploy" / "systemd" / name).read_text())
    return parser


def test_systemd_holds_the_socket_that_nginx_asks() -> None:
    listening = unit("gitlab-links-web.socket")["Socket"]["ListenStream"]
    nginx = (PROJECT / "deploy" / "nginx" / "gitlab-links.conf").read_text()
    assert f"    server {listening};\n" in nginx
    web = unit("gitlab-links-web.service")
    assert web["Unit"]["Requires"] == "gitlab-links-web.socket"
    assert "--bind" not in web["Service"]["ExecStart"]


@pytest.mark.parametrize("name", ["web", "worker"])
def test_systemd_tries_for_ever_except_where_trying_is_no_cure(name: str) -> None:
    service = unit(f"gitlab-links-{name}.service")
    assert service["Unit"]["StartLimitIntervalSec"] == "0"
    assert service["Service"]["Restart"] == "always"
    assert service["Service"]["RestartPreventExitStatus"] == str(CANNOT_START)


def test_nginx_keeps_the_request_id_of_a_client() -> None:
    nginx = (PROJECT / "deploy" / "nginx" / "gitlab-links.conf").read_text()
    (kept,) = re.findall(r"map \$http_x_request_id \$(\w+) \{(.*?)\}", nginx, re.DOTALL)
    name, body = kept
    rules = dict(line.rstrip(";").split() for line in body.strip().splitlines())
    assert rules == {"default": "$http_x_request_id", '""': "$request_id"}
    assert f"proxy_set_header X-Request-ID ${name};" in nginx
