"""docs/api/README.md: its commands do what it says."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.local import processes as service
from gitlab_links.local.services import LOOPBACK, free_port
from gitlab_links.local.supervisor import PROJECT, Supervisor
from tests.conftest import GITLAB_TOKEN
from tests.hanging import HANGS

README = PROJECT / "docs" / "api" / "README.md"

pytestmark = [
    pytest.mark.processes,
    pytest.mark.only_on("sqlite"),
    pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl"),
]


def test_every_command_does_what_it_says(
    app: Flask,
    gitlab: SimulatedGitLab,
    processes: Supervisor,
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    url = f"http://{LOOPBACK}:{(port := free_port())}"
    service.start_web(processes, environment, port)
    blocks = _blocks(url, gitlab)
    script = "\n".join(f"echo '=== {number}'\n{block}" for number, block in enumerate(blocks))
    paths = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={"PATH": paths, "PYTHONPATH": str(PROJECT), "HOME": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        timeout=5 * HANGS,  # for all commands together
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    printed = [part.partition("\n")[2].strip() for part in done.stdout.split("=== ")[1:]]
    _check(blocks, printed)
    assert list(tmp_path.iterdir()) == []


def _blocks(url: str, gitlab: SimulatedGitLab) -> list[str]:
    """The commands, with the values of the first block replaced."""
    project = gitlab.state.projects.add("acme/app")
    gitlab.state.people.add_user("dana", "Dana Moss")
    gitlab.state.items.add_issue(project, title="Paper jams", author="dana")
    text = README.read_text()
    for written, given in {
        "http://127.0.0.1:8000": url,
        "https://gitlab.example.com": gitlab.url,
        "glpat-yours": GITLAB_TOKEN,
    }.items():
        assert written in text
        text = text.replace(written, given)
    return re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def _check(blocks: list[str], printed: list[str]) -> None:
    """Each block that prints something, by a part that no other block has."""
    wanted = {
        '"name": "CI"': '"secret":"glk_',
        "-X PATCH": '"has_token":true',
        '"$TASK/gitlab-links" -d': '"reference":"acme/app#1"',
        "/validate": '"status":"valid"',
        "--etag-compare": "304",
        "next_cursor": '"next_cursor":null',
        "state=opened": '"links":[',
        "limit=0": '"code": "validation_error"',
        "X-Gitlab-Token": '"status":"ignored"',
        "/deliveries?": '"object_kind":"push"',
    }
    for sign, answer in wanted.items():
        (number,) = [one for one, block in enumerate(blocks) if sign in block]
        assert answer in printed[number], (sign, printed[number])


def test_the_error_it_shows_is_the_one_there_is() -> None:
    shown = re.search(r"```json\n(.*?)```", README.read_text(), re.DOTALL)
    assert shown is not None
    assert json.loads(shown.group(1))["errors"].keys() == {"limit"}
