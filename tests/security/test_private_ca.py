"""A GitLab whose certificate is by a private authority: trusted if, and only if, named."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gitlab_links.config.allowed_hosts import AllowedHosts
from gitlab_links.config.settings import ConfigError, Settings
from gitlab_links.extensions import db
from gitlab_links.jobs.fetches import fetch_slice
from gitlab_links.links.models import GitLabItem
from tests.conftest import MakeApp
from tests.gitlab.servers import Authority, Request, Server, make_authority, reply_json, serving
from tests.security.conftest import World, make_world


def gitlab(request: Request) -> bytes:
    """Just enough of a GitLab."""
    if request.path.endswith("/self"):
        return reply_json({"scopes": ["read_api"], "expires_at": None})
    if request.path.endswith("/user"):
        return reply_json({"username": "bot", "name": "Bot"})
    if request.path.endswith("/version"):
        return reply_json({"version": "19.0.0"})
    issue = {"iid": 1, "title": "Pump leaks", "project_id": 15, "state": "opened"}
    return reply_json(issue if request.path.endswith("/1") else [issue])


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"), "127.0.0.1")


@pytest.fixture
def server(authority: Authority) -> Iterator[Server]:
    with serving(gitlab, authority.server) as running:
        yield running


def connected(make_app: MakeApp, server: Server, ca_file: Path | None) -> World:
    address = f"127.0.0.1:{server.port}"
    world = make_world(
        make_app(
            gitlab_ca_file=None if ca_file is None else str(ca_file),
            gitlab_allowed_hosts=AllowedHosts.parse((address,)),
        )
    )
    change = {"base_url": f"https://{address}", "token": "glpat-private"}
    assert world.send("PATCH", "integrations/gitlab", json=change).status_code == 200
    return world


def test_a_named_authority_is_trusted_by_validation_and_by_jobs(
    make_app: MakeApp, server: Server, authority: Authority
) -> None:
    world = connected(make_app, server, authority.ca_file)
    validation = world.send("POST", "integrations/gitlab/validate").get_json()
    assert (validation["status"], validation["gitlab_version"]) == ("valid", "19.0.0")

    project = world.factory.gitlab_project(
        world.org, base_url=f"https://127.0.0.1:{server.port}", gitlab_id=15
    )
    item = world.factory.gitlab_item(project, iid=1)
    world.factory.link(world.factory.task(world.org), item)
    with world.app.app_context():
        fetch_slice(world.org.id)
        assert db.session.get_one(GitLabItem, item.id).title == "Pump leaks"


@pytest.mark.parametrize("which", ["none", "another"])
def test_any_other_is_not(make_app: MakeApp, server: Server, tmp_path: Path, which: str) -> None:
    other = make_authority(tmp_path, "127.0.0.1").ca_file if which == "another" else None
    world = connected(make_app, server, other)
    validation = world.send("POST", "integrations/gitlab/validate").get_json()
    assert (validation["status"], validation["error_code"]) == ("not_validated", "network_error")
    assert server.requests == []


def test_the_setting_is_read_and_checked_at_the_start(tmp_path: Path, authority: Authority) -> None:
    known = {"SECRET_KEY": "x" * 40}
    settings = Settings.from_environ({**known, "GITLAB_CA_FILE": str(authority.ca_file)})
    assert settings.gitlab_client["ca_file"] == str(authority.ca_file)
    assert Settings.from_environ(known).gitlab_client["ca_file"] is None

    no_pem = tmp_path / "no.pem"
    no_pem.write_text("nothing of the kind")
    for path, words in ((no_pem, "PEM"), (tmp_path / "missing.pem", "No such file")):
        with pytest.raises(ConfigError, match=f"GITLAB_CA_FILE: .*{words}"):
            Settings.from_environ({**known, "GITLAB_CA_FILE": str(path)})
