"""The wheel runs: installed beside the locked requirements alone, started from an empty folder."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import urljoin

import pytest
import requests
from packaging.requirements import Requirement
from redis import Redis

from gitlab_links import __version__
from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.demo.rest_api import RestApi
from gitlab_links.local.processes import answers
from gitlab_links.local.services import LOOPBACK, free_port
from gitlab_links.local.supervisor import PROJECT, ChildFailed, Supervisor
from tests.conftest import GITLAB_TOKEN
from tests.hanging import HANGS
from tests.patience import equal_within

pytestmark = pytest.mark.processes

UV = str(Path(sys.executable).with_name("uv"))
NOT_OF_THE_PROJECT = (".*", "instance", "build", "dist", "__pycache__", "*.egg-info")
# Writes the contract, in a checkout, with PyYAML from requirements/dev.txt.
FOR_DEVELOPERS = "gitlab_links.api.contract_files"
IMPORT_ALL = f"""
import importlib, pkgutil, gitlab_links
for module in pkgutil.walk_packages(gitlab_links.__path__, "gitlab_links."):
    if module.name != "{FOR_DEVELOPERS}":
        importlib.import_module(module.name)
    print(module.name)
"""


@dataclass(frozen=True)
class Built:
    wheel: Path
    sdist: Path

    def contents(self) -> set[str]:
        with zipfile.ZipFile(self.wheel) as wheel:
            return set(wheel.namelist())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The sdist, and the wheel built from it; the project's folder is left as it is."""
    folder = tmp_path_factory.mktemp("build")
    source, target = folder / "source", folder / "dist"
    shutil.copytree(PROJECT, source, ignore=shutil.ignore_patterns(*NOT_OF_THE_PROJECT))
    build = ["build", "--quiet", "--offline", "--no-build-isolation", "--python", sys.executable]
    _uv(*build, "--out-dir", str(target), str(source))
    (wheel,), (sdist,) = target.glob("*.whl"), target.glob("*.tar.gz")
    return Built(wheel, sdist)


@pytest.fixture(scope="module")
def venv(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with what requirements.txt names for this machine, and the wheel."""
    venv = tmp_path_factory.mktemp("installed") / "venv"
    _uv("venv", "--quiet", "--offline", "--python", sys.executable, str(venv))
    (packages,) = venv.glob("lib/python*/site-packages")
    for entry in _locked_packages():
        # uv overlooks what describes a package where that is a link.
        if entry.suffix == ".dist-info":
            shutil.copytree(entry, packages / entry.name)
        else:
            (packages / entry.name).symlink_to(entry)
    install = ["pip", "install", "--quiet", "--offline", "--no-deps"]
    _uv(*install, "--python", str(venv / "bin" / "python"), str(built.wheel))
    return venv


def _uv(*arguments: str) -> None:
    found = subprocess.run([UV, *arguments], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def _locked_packages() -> set[Path]:
    """Folders and files of the locked packages, where they are installed already."""
    locked = re.findall(r"^(\w[^\\\n]+)", (PROJECT / "requirements.txt").read_text(), re.MULTILINE)
    entries = set()
    for line in locked:
        required = Requirement(line)
        if required.marker is None or required.marker.evaluate():
            found = distribution(required.name)
            assert found.version in required.specifier, f"{required.name} {found.version}"
            tops = {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}
            entries |= {Path(str(found.locate_file(top))) for top in tops}
    return entries


def test_the_wheel_holds_the_service_and_nothing_else(built: Built) -> None:
    tops = {name.partition("/")[0] for name in built.contents()}
    assert tops == {"gitlab_links", f"gitlab_links-{__version__}.dist-info"}
    assert not [name for name in built.contents() if re.search(r"/(demo|local|tests)/", name)]


def test_every_file_of_a_room_is_in_the_wheel(built: Built) -> None:
    left_out = {"demo", "local"}
    here = {
        str(path.relative_to(PROJECT))
        for path in (PROJECT / "gitlab_links").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    wanted = {name for name in here if name.split("/")[1] not in left_out}
    assert wanted - built.contents() == set()


def test_the_sdist_holds_neither_tests_nor_demo(built: Built) -> None:
    with tarfile.open(built.sdist) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"setup.py", "migrations/env.py", "requirements.txt", "gunicorn.conf.py"} <= names
    assert not [name for name in names if re.search(r"(^|/)(demo|tests|benchmarks)(/|$)", name)]


def test_the_locked_requirements_are_what_the_wheel_asks_for(venv: Path) -> None:
    _uv("pip", "check", "--offline", "--python", str(venv / "bin" / "python"))


def test_no_module_wants_the_demo_or_make_run(venv: Path, tmp_path: Path) -> None:
    python = [str(venv / "bin" / "python"), "-I", "-c", IMPORT_ALL]
    ran = subprocess.run(python, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert {"gitlab_links.app", "gitlab_links.jobs.worker_pool"} <= set(ran.stdout.split())
    assert not re.search(r"gitlab_links\.(demo|local)\b", ran.stdout)


@dataclass(frozen=True)
class Installed:
    """The wheel's commands, in a folder that was empty."""

    processes: Supervisor
    scripts: Path
    home: Path
    environment: dict[str, str]

    def run(self, name: str, *arguments: str) -> str:
        command = [str(self.scripts / name), *arguments]
        return self.processes.run("command", command, settings=self.environment, folder=self.home)

    def serve(self) -> str:
        """Start web and worker; gives the address."""
        port = free_port()
        self._start("web", "--bind", f"{LOOPBACK}:{port}", ready=lambda: answers(port))
        self._start("worker")
        return f"http://{LOOPBACK}:{port}"

    def _start(self, name: str, *arguments: str, **how: Callable[[], bool]) -> None:
        command = [str(self.scripts / f"gitlab-links-{name}"), *arguments]
        self.processes.start(name, command, settings=self.environment, folder=self.home, **how)


@pytest.fixture
def installed(
    venv: Path, processes: Supervisor, tmp_path: Path, redis: Redis, redis_url: str,
    gitlab_port: int, encryption_key: str,
) -> Installed:  # fmt: skip
    home, key = tmp_path / "home", tmp_path / "encryption_key"
    home.mkdir()
    key.write_text(encryption_key)
    environment = {
        "PATH": f"{venv / 'bin'}:{os.environ['PATH']}",
        "REDIS_URL": redis_url,
        "GITLAB_ALLOWED_HOSTS": f"{LOOPBACK}:{gitlab_port}",
        "VIA_RAH_ENCRYPTION_KEY_FILE": str(key),
        # What is left open decides where SQLite and its key go.
        **dict.fromkeys(("DATABASE_URL", "SECRET_KEY", "PYTHONPATH"), ""),
    }
    return Installed(processes, venv / "bin", home, environment)


def test_it_links_an_item_from_an_empty_folder(
    installed: Installed, gitlab: SimulatedGitLab
) -> None:
    assert __version__ in installed.run("gitlab-links", "--version")
    installed.run("gitlab-links", "db", "upgrade")
    person = ["--email", "ada@example.com", "--password", "correct horse battery"]
    *_, printed = installed.run(
        "gitlab-links", "bootstrap", *person, "--org", "Acme", "--json"
    ).splitlines()
    made = json.loads(printed)
    url = installed.serve()

    assert requests.get(f"{url}/healthz", timeout=HANGS).json()["version"] == __version__
    _assert_styled(url)
    gitlab.state.people.add_user("dana", "Dana Moss")
    project = gitlab.state.projects.add("acme/press")
    issue = gitlab.state.items.add_issue(project, title="Paper jams", author="dana")
    api, org = RestApi(url, made["api_key"]), f"/orgs/{made['org_id']}"
    api.patch(f"{org}/integrations/gitlab", {"base_url": gitlab.url, "token": GITLAB_TOKEN})
    task = api.post(f"{org}/tasks", {"title": "Print again"})["task"]
    links = f"{org}/tasks/{task['id']}/gitlab-links"
    link = api.post(links, {"url": gitlab.state.urls.item(issue)})["link"]
    # A worker has asked GitLab by then: making a link asks nobody.
    equal_within(HANGS, lambda: api.get(f"{links}/{link['id']}")["link"]["title"], "Paper jams")
    assert f"version: {__version__}" in installed.run("gitlab-links", "doctor")
    assert [path.name for path in installed.home.iterdir()] == ["instance"]
    installed.processes.check()


def test_the_command_for_developers_says_what_it_needs(installed: Installed) -> None:
    with pytest.raises(ChildFailed, match=r"requirements/dev\.txt"):
        installed.run("gitlab-links", "openapi")


def _assert_styled(url: str) -> None:
    page = requests.get(f"{url}/login", timeout=HANGS)
    assert f"gitlab_links {__version__}" in page.text
    sheets = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page.text)
    scripts = re.findall(r'<script type="module" src="([^"]+)"', page.text)
    assert len(sheets) >= 2
    for path in sheets + scripts:
        answer = requests.get(urljoin(url, path.replace("&amp;", "&")), timeout=HANGS)
        assert (answer.status_code, bool(answer.content)) == (200, True), path
