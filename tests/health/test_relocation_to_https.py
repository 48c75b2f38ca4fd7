"""A GitLab that moves from http to https: over a real handshake, by an authority that is named."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from gitlab_links.accounts.roles import Role
from gitlab_links.config.allowed_hosts import AllowedHosts
from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.demo.gitlab.bulk import Bulk, create_bulk
from gitlab_links.extensions import db
from gitlab_links.health.relocation import MoveNotVerified, move_now
from gitlab_links.health.token_check import validate_now
from gitlab_links.integrations.changes import find_integration
from gitlab_links.jobs.fetches import fetch_slice
from gitlab_links.local.services import free_port
from tests.api.callers import browser
from tests.conftest import GITLAB_TOKEN, MakeApp
from tests.factories import Factory
from tests.gitlab.servers import Authority, make_authority
from tests.health.test_relocation import Moving


@pytest.fixture(scope="session")
def http_port() -> int:
    return free_port()


@pytest.fixture(scope="session")
def https_port() -> int:
    return free_port()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return make_authority(tmp_path, "127.0.0.1")


@pytest.fixture
def secure(
    gitlab: SimulatedGitLab, authority: Authority, https_port: int
) -> Iterator[SimulatedGitLab]:
    """The same GitLab, with the same items and tokens, behind a certificate."""
    server = SimulatedGitLab(gitlab.state, port=https_port, tls=authority.server)
    server._thread.start()
    yield server
    server._server.shutdown()
    server._server.server_close()


def moved_to(
    app: Flask, gitlab: SimulatedGitLab, secure: SimulatedGitLab, http_port: int
) -> Moving:
    """Linked and read over http, where nobody answers any more."""
    former = SimulatedGitLab(gitlab.state, port=http_port)
    former._thread.start()
    create_bulk(gitlab.state, Bulk(projects=1, issues=3))
    factory = Factory(app)
    org = factory.org(task_key="ACME")
    factory.connect(org, base_url=former.url, token=GITLAB_TOKEN)
    moving = Moving(app, org, factory, gitlab, former.url)
    moving.link(former.url, range(1, 4))
    validate_now(moving.admin)
    db.session.commit()
    fetch_slice(org.id)
    assert [error for _, error, _ in moving.states()] == [None] * 3
    former._server.shutdown()
    former._server.server_close()
    gitlab.state.settle_at(secure.url)
    return moving


def make_app_trusting(make_app: MakeApp, ports: tuple[int, int], ca_file: Path | None) -> Flask:
    hosts = [f"127.0.0.1:{port}" for port in ports]
    return make_app(
        gitlab_allowed_hosts=AllowedHosts.parse(hosts),
        gitlab_ca_file=None if ca_file is None else str(ca_file),
    )


def test_an_admin_says_that_it_is_the_same_gitlab_and_links_are_read_over_https(
    make_app: MakeApp,
    gitlab: SimulatedGitLab,
    secure: SimulatedGitLab,
    authority: Authority,
    http_port: int,
    https_port: int,
) -> None:
    assert secure.url == f"https://127.0.0.1:{https_port}"
    app = make_app_trusting(make_app, (http_port, https_port), authority.ca_file)
    with app.app_context():
        moving = moved_to(app, gitlab, secure, http_port)
        titles = [title for _, _, title in moving.states()]
        user = moving.factory.membership(moving.org, Role.ADMIN).user_id
        admin = browser(app, user)
        path = f"/orgs/{moving.org.id}/gitlab"

        answer = admin.post(
            f"{path}/move", data={"new_base_url": secure.url, "new_token": GITLAB_TOKEN}
        )
        assert answer.status_code == 302, answer.text
        said = " ".join(admin.get(answer.location).text.split())
        assert f"Same GitLab confirmed. The links of 1 project now point to {secure.url}." in said

        urls = [f"{secure.url}/bulk/project-1/-/issues/{iid}" for iid in (1, 2, 3)]
        assert moving.states() == [
            (url, None, title) for url, title in zip(urls, titles, strict=True)
        ]
        issue = gitlab.state.items.find(gitlab.state.projects.get("bulk/project-1"), "issue", 1)
        gitlab.state.items.edit(issue, title="Edited behind https", notify=False)
        fetch_slice(moving.org.id)
        assert moving.states()[0] == (urls[0], None, "Edited behind https")
        assert "links_at_former_address" not in moving.findings()


@pytest.mark.slow
def test_a_certificate_that_nobody_vouches_for_verifies_nothing(
    make_app: MakeApp,
    gitlab: SimulatedGitLab,
    secure: SimulatedGitLab,
    http_port: int,
    https_port: int,
) -> None:
    app = make_app_trusting(make_app, (http_port, https_port), None)
    with app.app_context():
        moving = moved_to(app, gitlab, secure, http_port)
        with pytest.raises(MoveNotVerified, match="Nothing was changed"):
            move_now(moving.admin, secure.url, GITLAB_TOKEN)
        db.session.rollback()
        integration = find_integration(moving.org.id)
        assert integration is not None
        assert integration.base_url == moving.former
