"""Link URLs that are refused, each by its own code; no link comes of any of them."""

import pytest

from tests.security.conftest import GITLAB, World, make_world, refusal

ISSUE = f"{GITLAB}/acme/app/-/issues/1"

REFUSED = {
    "url_invalid": (
        "",
        "   ",
        f"{ISSUE}\x00",
        f"{ISSUE} {ISSUE}",
        f"[one]({ISSUE}) [two]({ISSUE})",
        f"{GITLAB}/acme/app/-/issues/1\r\nX: y",
        f"{GITLAB}/acme/a\tpp/-/issues/1",
        f"{GITLAB}/acme/app\ud800/-/issues/1",
        f"{GITLAB}\\acme\\app\\-\\issues\\1",
        "#1",
        "1",
        "//gitlab.example.com/acme/app/-/issues/1",
        "/acme/app/-/issues/1",
        "http://gitlab.example.com/acme/app/-/issues/1",
        "ftp://gitlab.example.com/acme/app/-/issues/1",
        "file:///acme/app/-/issues/1",
        "javascript:alert(1)",
        "javascript://gitlab.example.com/acme/app/-/issues/1",
        "https:gitlab.example.com/acme/app/-/issues/1",
        "https://gitlab.example.com:0/acme/app/-/issues/1",
        "https://gitlab.example.com:99999/acme/app/-/issues/1",
        "https://gitlab.example.com:/acme/app/-/issues/1",
        "https://gitlab.example.com:x/acme/app/-/issues/1",
        "https:///acme/app/-/issues/1",
        "https://[::1/acme/app/-/issues/1",
        "https://127.1/acme/app/-/issues/1",
        "https://2130706433/acme/app/-/issues/1",
    ),
    "url_credentials": (
        "https://root@gitlab.example.com/acme/app/-/issues/1",
        "https://root:secret@gitlab.example.com/acme/app/-/issues/1",
        "https://gitlab.example.com@evil.example/acme/app/-/issues/1",
        "https://evil.example@gitlab.example.com/acme/app/-/issues/1",
    ),
    "url_host_mismatch": (
        "https://gitlab.com/acme/app/-/issues/1",
        "https://gitlab.example.com.evil.example/acme/app/-/issues/1",
        "https://evil-gitlab.example.com/acme/app/-/issues/1",
        "https://example.com/acme/app/-/issues/1",
        "https://gitlab.example.com:8443/acme/app/-/issues/1",
        "gitlab.com/acme/app/-/issues/1",
        "https://gitlab.example.com:80/acme/app/-/issues/1",
        "https://127.0.0.1/acme/app/-/issues/1",
        "https://[::1]/acme/app/-/issues/1",
        "https://xn--gitlb-hra.example.com/acme/app/-/issues/1",
    ),
    "url_project_path": (
        f"{GITLAB}/acme/../app/-/issues/1",
        f"{GITLAB}/acme/./app/-/issues/1",
        f"{GITLAB}//acme/app/-/issues/1",
        f"{GITLAB}/acme//app/-/issues/1",
        f"{GITLAB}/acme/app//-/issues/1",
        f"{GITLAB}/acme/app/-//issues/1",
        f"{GITLAB}/acme/%2e%2e/app/-/issues/1",
        f"{GITLAB}/acme/%2E%2E/app/-/issues/1",
        f"{GITLAB}/acme/.%2e/app/-/issues/1",
        f"{GITLAB}/acme%2fapp/-/issues/1",
        f"{GITLAB}/acme%2Fapp/x/-/issues/1",
        f"{GITLAB}/acme/app%5c/-/issues/1",
        f"{GITLAB}/acme/app%00/-/issues/1",
        f"{GITLAB}/acme/a%20pp/-/issues/1",
        f"{GITLAB}/acme/app.git/-/issues/1",
        f"{GITLAB}/acme/app.GIT/-/issues/1",
        f"{GITLAB}/acme/app.atom/-/issues/1",
        f"{GITLAB}/acme.git/app/-/issues/1",
        f"{GITLAB}/acme/-app/-/issues/1",
        f"{GITLAB}/acme/app+plus/-/issues/1",
        f"{GITLAB}/acme/app;x=1/-/issues/1",
        f"{GITLAB}/acme/@app/-/issues/1",
        f"{GITLAB}/app/-/issues/1",
        "app#1",
        "acme/app.git#1",
        "../app!1",
        f"{GITLAB}/-/issues/1",
        f"{GITLAB}/acme/" + "a" * 256 + "/-/issues/1",
    ),
    "url_iid": (
        f"{GITLAB}/acme/app/-/issues/0",
        f"{GITLAB}/acme/app/-/issues/-1",
        f"{GITLAB}/acme/app/-/issues/+1",
        f"{GITLAB}/acme/app/-/issues/1_0",
        f"{GITLAB}/acme/app/-/issues/01",
        f"{GITLAB}/acme/app/-/issues/1.0",
        f"{GITLAB}/acme/app/-/issues/1e3",
        f"{GITLAB}/acme/app/-/issues/0x1",
        f"{GITLAB}/acme/app/-/issues/one",
        f"{GITLAB}/acme/app/-/issues/1%20",
        f"{GITLAB}/acme/app/-/issues/%31",
        f"{GITLAB}/acme/app/-/issues/1;2",
        f"{GITLAB}/acme/app/-/issues/9223372036854775808",
        f"{GITLAB}/acme/app/-/issues/9999999999999999999",
        f"{GITLAB}/acme/app/-/issues/10000000000000000000",
        f"{GITLAB}/acme/app/-/issues/" + "9" * 300,
        f"{GITLAB}/acme/app/-/issues",
        f"{GITLAB}/acme/app/-/issues/",
        f"{GITLAB}/acme/app/-/issues/new",
        f"{GITLAB}/acme/app/-/issues/incident",
        f"{GITLAB}/acme/app/-/issues?iid=1",
        f"{GITLAB}/acme/app/-/issues#1",
        f"{GITLAB}/acme/app/-/merge_requests/0",
        f"{GITLAB}/acme/app/-/merge_requests/new",
        f"{GITLAB}/acme/app/-/work_items/",
        f"{GITLAB}/acme/app/-/work_items/x",
        f"{GITLAB}/acme/app/-/incidents/0",
        "acme/app#0",
        "acme/app!99999999999999999999",
    ),
    "url_not_ascii": (
        f"{GITLAB}/acme/äpp/-/issues/1",
        f"{GITLAB}/acme/app/-/issues/١",
        f"{GITLAB}/acme/app/-/issues/１",
        f"{GITLAB}/acme/app/-/issues/²",
        "https://gitläb.example.com/acme/app/-/issues/1",
        "https://gіtlab.example.com/acme/app/-/issues/1",
        "gіtlab.example.com/acme/app/-/issues/1",
        "аcme/app#1",
        "acme/app\u200b#1",
        "https://gitlab。example.com/acme/app/-/issues/1",
        f"{ISSUE}\u200b",
        f"\ufeff{ISSUE}",
        f"{GITLAB}/acme／app/-/issues/1",
    ),
    "url_not_issue_or_mr": (
        GITLAB,
        f"{GITLAB}/",
        f"{GITLAB}/acme",
        f"{GITLAB}/acme/app",
        f"{GITLAB}/acme/app/",
        f"{GITLAB}/acme/app/-",
        f"{GITLAB}/acme/app/-/",
        f"{GITLAB}/acme/app/-/boards/1",
        f"{GITLAB}/acme/app/-/pipelines/1",
        f"{GITLAB}/acme/app/-/commit/1",
        f"{GITLAB}/acme/app/-/milestones/1",
        f"{GITLAB}/acme/app/-/snippets/1",
        f"{GITLAB}/acme/app/-/issue/1",
        f"{GITLAB}/acme/app/-/Issues/1",
        f"{GITLAB}/acme/app/-/merge-requests/1",
        f"{GITLAB}/acme/app/-/blob/main/issues/1",
        f"{GITLAB}/dashboard/issues",
        f"{GITLAB}/groups/acme/-/issues/1",
        f"{GITLAB}/groups/acme/-/milestones/1",
        f"{GITLAB}/api/v4/projects/1",
        f"{ISSUE}?show=e30",
        f"{ISSUE}?show=%%%",
        f"{ISSUE}?show={'W' * 5000}",
        f"{ISSUE}?work_item_id=4711",
        f"{ISSUE}?work_item_iid=none",
        f"{ISSUE}?work_item_iid=2&work_item_iid=3",
    ),
    "url_epic_unsupported": (
        f"{GITLAB}/groups/acme/-/epics/1",
        f"{GITLAB}/groups/acme/sub/-/epics/1",
        f"{GITLAB}/groups/acme/-/work_items/1",
        f"{GITLAB}/groups/acme/-/epics/1#note_2",
        "acme&1",
        f"{GITLAB}/groups/acme/-/issues?work_item_iid=3",
    ),
    "url_too_long": (
        ISSUE + "?" + "a" * 10_000,
        f"{GITLAB}/" + "a/" * 300 + "-/issues/1",
        "x" * 501,
        "ä" * 501,
    ),
}

CASES = [(text, code) for code, texts in REFUSED.items() for text in texts]


@pytest.fixture(scope="module")
def links(standing: World) -> str:
    """The path of a task's links."""
    return f"tasks/{standing.factory.task(standing.org).id}/gitlab-links"


@pytest.mark.parametrize(
    ("text", "code"), CASES, ids=[f"{code}-{text!a:.60}" for text, code in CASES]
)
def test_it_is_refused_by_its_own_code(standing: World, links: str, text: str, code: str) -> None:
    response = standing.send("POST", links, json={"url": text})

    assert refusal(response) == (422, code)
    problem = response.get_json()
    assert list(problem["errors"]) == ["url"]
    assert problem["errors"]["url"][0].endswith((".", "?"))
    assert standing.send("GET", links).get_json()["links"] == []


@pytest.mark.parametrize("value", [1, True, None, [], [ISSUE], {}, {"url": ISSUE}, 1.5])
def test_what_is_no_text_names_the_field(standing: World, links: str, value: object) -> None:
    response = standing.send("POST", links, json={"url": value})

    assert refusal(response) == (422, "validation_error")
    assert list(response.get_json()["errors"]) == ["url"]


def test_a_second_link_to_the_same_item_is_a_conflict_in_any_spelling(world: World) -> None:
    links = f"tasks/{world.factory.task(world.org).id}/gitlab-links"
    made = world.send("POST", links, json={"url": ISSUE})
    assert made.status_code == 201

    for same in (
        ISSUE,
        f"{ISSUE}/designs?x=1#note_2",
        "HTTPS://GitLab.Example.com:443/acme/app/issues/1",
        f"{GITLAB}/ACME/App/-/work_items/1",
        f"{GITLAB}/acme/app/-/issues/incident/1",
    ):
        answer = world.send("POST", links, json={"url": same})
        assert (answer.status_code, answer.json["code"]) == (409, "link_exists")
        assert answer.json["link_id"] == made.json["link"]["id"]
    other = {"url": f"{GITLAB}/acme/app/-/merge_requests/1"}
    assert world.send("POST", links, json=other).status_code == 201


def test_without_a_gitlab_there_is_nothing_to_link(world: World) -> None:
    links = f"tasks/{world.factory.task(world.org).id}/gitlab-links"
    assert world.send("DELETE", "integrations/gitlab").status_code == 204

    assert refusal(world.send("POST", links, json={"url": ISSUE})) == (409, "missing_integration")


@pytest.mark.parametrize(
    "text",
    [
        f"{GITLAB}/acme/app/-/issues/1",
        f"{GITLAB}/git/acme/app/-/issues/1",
        f"{GITLAB}/gitlab2/acme/app/-/issues/1",
        f"{GITLAB}/GITLAB/acme/app/-/issues/1",
    ],
)
def test_a_url_beside_the_relative_root_is_of_another_place(app, text: str) -> None:
    world = make_world(app)
    world.send("PATCH", "integrations/gitlab", json={"base_url": f"{GITLAB}/gitlab"})
    links = f"tasks/{world.factory.task(world.org).id}/gitlab-links"

    assert refusal(world.send("POST", links, json={"url": text})) == (422, "url_host_mismatch")
