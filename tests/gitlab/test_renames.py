"""System hooks tell renames; nothing else may."""

import pytest

from gitlab_links.gitlab.events import Event
from gitlab_links.gitlab.renames import Rename
from tests.gitlab import bodies

SYSTEM = {"X-Gitlab-Event": "System Hook"}
PROJECT = {
    "event_name": "project_rename",
    "project_id": 73,
    "path_with_namespace": "ships/motor",
    "old_path_with_namespace": "ships/engine",
}
GROUP = {
    "event_name": "group_rename",
    "group_id": 64,
    "full_path": "fleet/boats",
    "old_full_path": "fleet/ships",
}


def renames(body, headers=SYSTEM):
    read = Event.from_request(headers, bodies.sent(body))
    assert not read.relevant
    return read.renames


@pytest.mark.parametrize("name", ["project_rename", "project_transfer"])
def test_a_project_tells_its_old_and_new_path(name):
    (rename,) = renames(PROJECT | {"event_name": name})
    assert rename == Rename("ships/engine", "ships/motor", 73)
    assert rename.moved("Ships/Engine") == "ships/motor"
    assert rename.moved("ships/engine/part") is None


def test_a_group_takes_the_projects_below_along():
    (rename,) = renames(GROUP)
    assert rename == Rename("fleet/ships", "fleet/boats", None)
    assert rename.moved("Fleet/Ships/sub/engine") == "fleet/boats/sub/engine"
    assert rename.moved("fleet/ships") is None
    assert rename.moved("fleet/ships2/engine") is None


def test_a_group_at_the_top_has_a_path_of_one_part():
    (rename,) = renames(GROUP | {"full_path": "boats", "old_full_path": "ships"})
    assert rename.moved("ships/engine") == "boats/engine"


@pytest.mark.parametrize("headers", [{}, {"x-gitlab-event": "System Hook"}])
def test_the_header_may_be_missing_but_not_another(headers):
    assert renames(PROJECT, headers)
    assert renames(PROJECT, {"X-Gitlab-Event": "Push Hook"}) == ()


@pytest.mark.parametrize(
    "body",
    [
        PROJECT | {"project_id": None},
        PROJECT | {"path_with_namespace": "motor"},
        PROJECT | {"old_path_with_namespace": "../etc"},
        PROJECT | {"old_path_with_namespace": "ships/motor"},
        PROJECT | {"event_name": ["project_rename"]},
        PROJECT | {"event_name": "user_rename"},
        GROUP | {"full_path": None},
        GROUP | {"full_path": "fleet/../boats"},
        GROUP | {"full_path": "a" * 2_000},
        {"event_name": "group_rename"},
    ],
)
def test_half_a_rename_is_none(body):
    assert renames(body) == ()
