"""The overview as page and API: counts that lead to lists, charts that say what they show."""

import pytest
from flask import Flask

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from gitlab_links.jobs.functions import count_overview
from gitlab_links.links.models import GitLabProject
from gitlab_links.overview import counting
from gitlab_links.pages.problem_pages import FRAGMENT_HEADER
from tests.api.callers import Caller, browser
from tests.factories import Factory
from tests.overview.conftest import ago, request
from tests.pages.csv_tables import table_of
from tests.pages.markup import Element, Markup
from tests.statements import statements

PART = {FRAGMENT_HEADER: "overview"}


@pytest.fixture
def busy(factory: Factory, org: Org, project: GitLabProject) -> Org:
    for opened, merged in ((70, 66), (30, 28), (6, 1), (3, None), (60, None)):
        task = factory.task(org, created_at=ago(opened + 2))
        failed = {"pipeline_status": "failed"} if merged is None else {}
        factory.link(task, request(factory, project, opened, merged=merged, **failed))
    return org


def visitor(app: Flask, factory: Factory, org: Org, role: Role = Role.MEMBER) -> Caller:
    return browser(app, factory.membership(org, role).user_id)


def all_of(page: Markup, tag: str, **attributes: str) -> list[Element]:
    return [
        one
        for one in page.elements
        if one.tag == tag and all(one.get(name) == value for name, value in attributes.items())
    ]


def test_each_count_leads_to_the_list_of_just_these_tasks(
    app: Flask, factory: Factory, busy: Org
) -> None:
    person = visitor(app, factory, busy)
    tiles = [
        one
        for one in Markup.of(person.get(f"/orgs/{busy.id}/overview")).elements
        if "tile" in (one.get("class") or "").split()
    ]
    assert len(tiles) == 11
    counts = {}
    for tile in tiles:
        (results,) = [
            one for one in Markup.of(person.get(tile["href"])).elements if one.get("data-results")
        ]
        found = results["data-results"]
        assert tile.text.startswith(found.partition(" ")[0])
        assert tile.text.endswith(f": {found}")
        counts[tile["href"].rpartition("=")[2]] = found
    assert counts["failing"] == "2 tasks"


def test_a_chart_has_a_title_words_a_definition_and_its_figures_as_a_table(
    app: Flask, factory: Factory, busy: Org
) -> None:
    page = Markup.of(visitor(app, factory, busy).get(f"/orgs/{busy.id}/overview"))
    charts = all_of(page, "svg", role="img")
    ids = {one.get("id"): one for one in page.elements}
    said = [[ids[name].text for name in one["aria-labelledby"].split()] for one in charts]
    assert [title for title, _ in said] == [
        "Merge requests opened and merged",
        "Open work by age",
        "From opened to merged",
        "From task to last merge",
    ]
    assert said[0][1].startswith("5 opened and 3 merged in 12 weeks")
    assert said[2][1].startswith("Median 4 days, n = 3 merge requests")
    assert said[3][1].startswith("Median 6 days, n = 3 tasks")
    assert len(all_of(page, "figcaption")) == len(all_of(page, "table")) == 4
    rows = [one for one in all_of(page, "th", scope="row") if "figure" in one.parents]
    assert len(rows) == 3 * 12 + 5
    assert "Week of 4 May: 1 merged" in [one.text for one in all_of(page, "title")]


def test_whoever_sees_no_links_gets_what_is_of_tasks(
    app: Flask, factory: Factory, busy: Org
) -> None:
    person = visitor(app, factory, busy, Role.CLIENT)
    page = Markup.of(person.get(f"/orgs/{busy.id}/overview"))
    assert len(all_of(page, "svg", role="img")) == 1
    assert "erge request" not in "".join(one.text for one in all_of(page, "figure"))
    answer = person.get(f"/api/orgs/{busy.id}/overview").json["overview"]
    assert answer["flow"] is None
    assert answer["needs"] == [{"need": "overdue", "tasks": 0}]
    assert [one["merge_requests"] for one in answer["open_work"]] == [None] * 5


def test_an_org_without_anything_says_so(app: Flask, factory: Factory, org: Org) -> None:
    page = visitor(app, factory, org).get(f"/orgs/{org.id}/overview")
    assert page.text.count("Nothing to show yet.") == 4
    assert '<svg class="drawing"' not in page.text


def test_the_api_has_the_figures_of_the_charts(app: Flask, factory: Factory, busy: Org) -> None:
    answer = visitor(app, factory, busy).get(f"/api/orgs/{busy.id}/overview").json["overview"]
    assert answer["computed_at"] == "2026-05-06T12:00:00Z"
    assert {"need": "failing", "tasks": 2} in answer["needs"]
    assert answer["flow"]["weeks"][-1] == {
        "start": "2026-05-04",
        "opened": 0,
        "merged": 1,
        "open_to_merged": {"median_seconds": 432_000, "n": 1},
        "task_to_last_merge": {"median_seconds": 604_800, "n": 1},
    }
    assert answer["flow"]["open_to_merged"] == {"median_seconds": 345_600, "n": 3}
    assert answer["open_work"][0] == {"age": "under_1_week", "tasks": 1, "merge_requests": 1}


def test_an_open_page_gets_new_figures_once_there_are_some(
    app: Flask, factory: Factory, busy: Org
) -> None:
    person, path = visitor(app, factory, busy), f"/orgs/{busy.id}/overview"
    (figures,) = [
        one for one in Markup.of(person.get(path)).elements if one.get("data-figures") is not None
    ]
    known = {**PART, "If-None-Match": figures["data-etag"]}
    assert person.get(path, headers=known).status_code == 304
    factory.task(busy)
    again = person.get(path, headers=known)
    assert (again.status_code, "<html" in again.text) == (200, False)


@pytest.mark.differs_by_database
def test_the_overview_takes_a_fixed_number_of_statements(
    app: Flask,
    factory: Factory,
    busy: Org,
    project: GitLabProject,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    person, path = visitor(app, factory, busy), f"/orgs/{busy.id}/overview"

    def count() -> int:
        with statements(app) as sent:
            assert person.get(path).status_code == 200
        return len(sent)

    few = count()
    for _ in range(20):
        factory.link(factory.task(busy), request(factory, project, 1, pipeline_status="failed"))
    assert count() == few <= 11
    monkeypatch.setattr(counting, "SMALL", 1)
    assert count() == few - 5
    assert count() == few - 5


def test_of_a_large_org_the_figures_follow_when_a_job_has_counted(
    app: Flask, factory: Factory, busy: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "SMALL", 1)
    person, path = visitor(app, factory, busy), f"/orgs/{busy.id}/overview"
    refused = person.get(f"/api{path}")
    assert (refused.status_code, refused.json["code"]) == (503, "being_counted")
    assert refused.headers["Retry-After"] == "3"
    assert person.get(f"{path}/needs.csv").status_code == 503
    page = person.get(path)
    assert "The figures of this org are being counted." in page.text
    (waiting,) = [one for one in Markup.of(page).elements if one.get("data-counting") is not None]
    known = {**PART, "If-None-Match": waiting["data-etag"]}
    assert person.get(path, headers=known).status_code == 304
    with app.app_context():
        count_overview(str(busy.id))
    shown = person.get(path, headers=known)
    assert shown.text.count('<svg class="drawing"') == 4
    assert person.get(f"/api{path}").json["overview"]["computed_at"] == "2026-05-06T12:00:00Z"


def test_each_table_is_a_file_with_the_figures_of_the_api(
    app: Flask, factory: Factory, busy: Org
) -> None:
    person, client = visitor(app, factory, busy), visitor(app, factory, busy, Role.CLIENT)
    path = f"/orgs/{busy.id}/overview"
    known = person.get(f"/api{path}").json["overview"]

    def file(name: str) -> list[tuple[str, ...]]:
        return [tuple(row.values()) for row in table_of(person.get(f"{path}/{name}.csv"))]

    def texts(*values: object) -> tuple[str, ...]:
        return tuple("" if one is None else str(one) for one in values)

    weeks = known["flow"]["weeks"]
    assert file("needs") == [texts(*one.values()) for one in known["needs"]]
    assert file("open-work") == [texts(*one.values()) for one in known["open_work"]]
    assert file("throughput") == [texts(w["start"], w["opened"], w["merged"]) for w in weeks]
    for name in ("open-to-merged", "task-to-last-merge"):
        medians = [(week["start"], week[name.replace("-", "_")]) for week in weeks]
        assert file(name) == [texts(day, one["median_seconds"], one["n"]) for day, one in medians]
        assert client.get(f"{path}/{name}.csv").status_code == 404
    assert len(table_of(client.get(f"{path}/needs.csv"))) == 1
    assert person.get(f"{path}/nothing.csv").status_code == 404
