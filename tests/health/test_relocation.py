"""A GitLab at another address: carried over once it is verified, left alone where it is not."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from flask import Flask
from sqlalchemy import select

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from gitlab_links.audit.models import AuditEvent
from gitlab_links.backfills import changes as backfills
from gitlab_links.backfills.queries import found_items
from gitlab_links.clock import utcnow
from gitlab_links.config.allowed_hosts import AllowedHosts
from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.demo.gitlab.bulk import Bulk, create_bulk
from gitlab_links.extensions import db
from gitlab_links.gitlab.listed_project import ListedProject
from gitlab_links.health.project_picks import pick_projects
from gitlab_links.health.relocation import (
    MoveNotVerified,
    NothingToMove,
    NotTheSameGitLab,
    move_now,
)
from gitlab_links.health.report import report_of
from gitlab_links.health.token_check import validate_now
from gitlab_links.integrations.changes import find_integration
from gitlab_links.integrations.credentials import credentials_of
from gitlab_links.jobs.backfills import backfill_slice
from gitlab_links.jobs.fetches import fetch_slice
from gitlab_links.links.link_filters import LinkFilter
from gitlab_links.links.models import TaskGitLabLink
from gitlab_links.links.queries import connection_of, links_page
from gitlab_links.local.services import free_port
from gitlab_links.observations.watched_projects import watched_projects
from gitlab_links.pasting.changes import attach
from tests.api.callers import browser, program
from tests.conftest import GITLAB_TOKEN, MakeApp
from tests.factories import Factory
from tests.pages.markup import Markup


@pytest.fixture(scope="session")
def former_port() -> int:
    return free_port()


@pytest.fixture
def app(app: Flask, make_app: MakeApp, gitlab_port: int, former_port: int) -> Flask:
    """One that may call the GitLab at both of its addresses."""
    hosts = (f"127.0.0.1:{gitlab_port}", f"127.0.0.1:{former_port}")
    return make_app(gitlab_allowed_hosts=AllowedHosts.parse(hosts))


@dataclass
class Moving:
    """An org with three links, read under the former address, where nobody answers any more."""

    app: Flask
    org: Org
    factory: Factory
    gitlab: SimulatedGitLab
    former: str

    def __post_init__(self) -> None:
        self.admin = self.factory.principal(self.org, Role.ADMIN)
        self.task = self.factory.task(self.org)

    def link(self, base_url: str, iids: range, project: str = "bulk/project-1") -> None:
        for iid in iids:
            attach(self.admin, self.task.id, f"{base_url}/{project}/-/issues/{iid}")
        db.session.commit()

    def states(self) -> list[tuple[str, str | None, str]]:
        """URL, error and title of the links."""
        views = links_page(self.org.id, LinkFilter(task_id=self.task.id), viewer=Role.ADMIN)
        db.session.rollback()
        return [(view.url, view.sync.error_code, view.title or "") for view in views]

    def findings(self) -> dict[str, str]:
        report = report_of(self.org.id, utcnow())
        db.session.rollback()
        return {one.code: one.summary for one in report.findings}


@pytest.fixture
def moving(app: Flask, gitlab: SimulatedGitLab, former_port: int) -> Iterator[Moving]:
    """It lived under a relative root at another port."""
    create_bulk(gitlab.state, Bulk(projects=2, issues=3))
    former = SimulatedGitLab(gitlab.state, port=former_port, relative_root="/gitlab")
    former._thread.start()
    factory = Factory(app)
    org = factory.org(task_key="ACME")
    factory.connect(org, base_url=former.url, token=GITLAB_TOKEN, webhook_secret="a-secret")
    moving = Moving(app, org, factory, gitlab, former.url)
    with app.app_context():
        moving.link(former.url, range(1, 4))
        validate_now(moving.admin)
        db.session.commit()
        fetch_slice(org.id)
        assert [title for _, _, title in moving.states()] == [
            f"Issue {number} of project 1" for number in (1, 2, 3)
        ]
        former._server.shutdown()
        former._server.server_close()
        gitlab.state.settle_at(gitlab.url)
        yield moving


def test_what_is_the_same_gitlab_is_carried_over(moving: Moving) -> None:
    moved = move_now(moving.admin, moving.gitlab.url, GITLAB_TOKEN)
    db.session.commit()

    assert (moved.projects, moved.differences) == (1, [])
    integration = find_integration(moving.org.id)
    assert integration is not None
    assert str(credentials_of(integration).base) == moving.gitlab.url
    assert integration.webhook_secret_hash is not None, "its hooks are still there"
    state = moving.gitlab.state
    issue = state.items.find(state.projects.get("bulk/project-1"), "issue", 1)
    state.items.edit(issue, title="Edited", notify=False)
    fetch_slice(moving.org.id)
    urls = [f"{moving.gitlab.url}/bulk/project-1/-/issues/{iid}" for iid in (1, 2, 3)]
    assert [(url, error) for url, error, _ in moving.states()] == [(url, None) for url in urls]
    assert moving.states()[0][2] == "Edited"
    event = db.session.scalars(
        select(AuditEvent).where(AuditEvent.action == "integration.moved")
    ).one()
    assert event.detail == {
        "from": [moving.former],
        "base_url": moving.gitlab.url,
        "projects": 1,
        "compared": ["bulk/project-1"],
    }


def test_links_that_were_left_behind_are_carried_over_later(moving: Moving) -> None:
    moving.factory.connect(moving.org, base_url=moving.gitlab.url, token=GITLAB_TOKEN)
    moving.link(moving.gitlab.url, range(3, 4))
    fetch_slice(moving.org.id)
    assert [error for _, error, _ in moving.states()] == ["instance_mismatch"] * 3 + [None]
    assert moving.former in moving.findings()["links_at_former_address"]

    move_now(moving.admin, moving.gitlab.url, GITLAB_TOKEN)
    db.session.commit()
    fetch_slice(moving.org.id)

    assert [error for _, error, _ in moving.states()] == [None] * 3, "the same item twice is one"
    assert "links_at_former_address" not in moving.findings()


def test_what_was_chosen_and_looked_for_stays_when_two_rows_are_joined(moving: Moving) -> None:
    state = moving.gitlab.state
    project, other = state.projects.get("bulk/project-1"), moving.factory.task(moving.org)
    issue = state.items.find(project, "issue", 2)
    state.items.edit(issue, title=f"See ACME-{other.number}", notify=False)
    listed = ListedProject(project.id, project.path)
    pick_projects(moving.admin, moving.former, [listed], utcnow())
    backfill_id = backfills.start(moving.admin).id
    db.session.commit()
    moving.factory.connect(moving.org, base_url=moving.gitlab.url, token=GITLAB_TOKEN)
    moving.link(moving.gitlab.url, range(3, 4))

    move_now(moving.admin, moving.gitlab.url, GITLAB_TOKEN)
    db.session.commit()
    fetch_slice(moving.org.id)
    backfill_slice(moving.org.id)

    connection = connection_of(moving.org.id)
    found = found_items(moving.org.id, backfill_id, Role.ADMIN, connection)
    assert [one.reference for one in found] == ["bulk/project-1#2"]
    assert [one.picked for one in watched_projects(moving.org.id, utcnow())] == [True]


@pytest.mark.slow
@pytest.mark.parametrize("unread", [1, 2])
def test_a_project_that_was_never_read_is_not_joined_with_another_one(
    moving: Moving, unread: int
) -> None:
    moving.link(moving.former, range(1, 2), "bulk/project-2")
    moving.factory.connect(moving.org, base_url=moving.gitlab.url, token=GITLAB_TOKEN)
    moving.link(moving.gitlab.url, range(2, 3), "bulk/project-2")
    others = [f"away/project-{number}" for number in range(unread)]
    for other in others:
        moving.link(moving.gitlab.url, range(7, 8), other)
    fetch_slice(moving.org.id)

    move_now(moving.admin, moving.gitlab.url, GITLAB_TOKEN)
    db.session.commit()
    fetch_slice(moving.org.id)

    here = moving.gitlab.url
    wanted = [f"{here}/bulk/project-1/-/issues/{iid}" for iid in (1, 2, 3)]
    wanted += [f"{here}/bulk/project-2/-/issues/{iid}" for iid in (1, 2)]
    wanted += [f"{here}/{other}/-/issues/7" for other in others]
    assert sorted(url for url, _, _ in moving.states()) == sorted(wanted)


def test_another_gitlab_changes_nothing_and_health_says_so(moving: Moving) -> None:
    project = moving.gitlab.state.projects.get("bulk/project-1")
    moving.gitlab.state.projects.rename(project, "somebody/else")

    with pytest.raises(NotTheSameGitLab) as refusal:
        move_now(moving.admin, moving.gitlab.url, GITLAB_TOKEN)
    db.session.rollback()

    assert f"was bulk/project-1 at {moving.former}, and is somebody/else there" in str(
        refusal.value
    )
    integration = find_integration(moving.org.id)
    assert integration is not None
    assert integration.base_url == moving.former
    db.session.rollback()
    moving.factory.connect(moving.org, base_url=moving.gitlab.url, token=GITLAB_TOKEN)
    assert "links_at_former_address" in moving.findings()


def test_a_project_that_is_not_there_is_a_difference(moving: Moving) -> None:
    moving.gitlab.state.projects.delete(moving.gitlab.state.projects.get("bulk/project-1"))
    with pytest.raises(NotTheSameGitLab, match="not there, or the token may not see it"):
        move_now(moving.admin, moving.gitlab.url, GITLAB_TOKEN)


def test_another_version_family_is_another_gitlab(moving: Moving) -> None:
    moving.gitlab.state.version = "7.14.0"
    with pytest.raises(NotTheSameGitLab, match=r"this is GitLab 7\.14\.0"):
        move_now(moving.admin, moving.gitlab.url, GITLAB_TOKEN)


def test_a_token_that_is_refused_verifies_nothing(moving: Moving) -> None:
    with pytest.raises(MoveNotVerified, match="Nothing was changed"):
        move_now(moving.admin, moving.gitlab.url, "glpat-of-somewhere-else")


def test_a_blocked_account_verifies_nothing_and_gitlabs_reason_is_said(moving: Moving) -> None:
    moving.gitlab.state.people.tokens[GITLAB_TOKEN].user.state = "blocked"
    with pytest.raises(MoveNotVerified, match=r"GitLab says: Your account has been blocked\."):
        move_now(moving.admin, moving.gitlab.url, GITLAB_TOKEN)


def test_where_all_links_are_at_home_there_is_nothing_to_move(moving: Moving) -> None:
    with pytest.raises(NothingToMove):
        move_now(moving.admin, moving.former, GITLAB_TOKEN)


def test_a_program_moves_the_org_and_gets_the_outcome(moving: Moving) -> None:
    caller = program(moving.app, moving.factory.api_key(moving.org))
    path = f"/api/orgs/{moving.org.id}/integrations/gitlab/move"
    new = {"base_url": moving.gitlab.url, "token": GITLAB_TOKEN}

    refused = caller.post(path, json={**new, "token": "glpat-wrong"})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "move_not_verified")
    answer = caller.post(path, json=new)
    assert answer.status_code == 200, answer.text
    assert (answer.get_json()["moved_projects"], answer.get_json()["differences"]) == (1, [])
    assert answer.get_json()["gitlab"]["base_url"] == moving.gitlab.url
    again = caller.post(path, json=new)
    assert (again.status_code, again.get_json()["code"]) == (409, "nothing_to_move")


def test_an_admin_moves_the_org_on_its_page(moving: Moving) -> None:
    admin = browser(moving.app, moving.admin.user_id)
    path = f"/orgs/{moving.org.id}/gitlab"

    wrong = admin.post(f"{path}/move", data={"new_base_url": "nonsense", "new_token": "x"})
    assert wrong.status_code == 422
    assert 'id="new_base_url-error"' in wrong.text
    version = Markup.of(admin.get(path)).one("input", name="connection_version")["value"]
    typed = {"base_url": moving.gitlab.url, "token": "", "connection_version": version}
    asked = admin.post(path, data=typed)
    assert "move the links below" in asked.text
    answer = admin.post(
        f"{path}/move", data={"new_base_url": moving.gitlab.url, "new_token": GITLAB_TOKEN}
    )
    assert answer.status_code == 302, answer.text
    assert "Same GitLab confirmed. The links of 1 project now point to" in admin.get(path).text
    assert db.session.scalar(select(TaskGitLabLink.id).limit(1)) is not None
