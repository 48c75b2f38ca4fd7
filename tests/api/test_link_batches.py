"""Linking several items in one call, and by name."""

import pytest

from gitlab_links.accounts.models import Org
from tests.api.callers import Caller
from tests.factories import Factory

URL = "https://gitlab.example.com/acme/app/-/issues/7"
NAMED = {"project_path": "acme/app", "type": "merge_request", "iid": 12}


@pytest.fixture
def links(factory: Factory, org: Org, base: str) -> str:
    factory.connect(org, base_url="https://gitlab.example.com", token="glpat-x")
    return f"{base}/tasks/{factory.task(org).id}/gitlab-links"


def test_an_item_is_linked_by_name_and_a_second_time_the_link_is_named(
    admin: Caller, links: str
) -> None:
    made = admin.post(links, json=NAMED)
    assert made.status_code == 201
    assert made.json["link"]["reference"] == "acme/app!12"
    twice = admin.post(links, json={"url": "acme/app!12"})
    assert (twice.status_code, twice.json["code"]) == (409, "link_exists")
    assert twice.json["link_id"] == made.json["link"]["id"]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"url"}),
        ({"url": URL, **NAMED}, {"url"}),
        ({"url": URL, "iid": 3}, {"url"}),
        ({"project_path": "acme/app", "iid": 3}, {"type"}),
        ({"type": "issue"}, {"project_path", "iid"}),
        ({**NAMED, "iid": 0}, {"iid"}),
        ({**NAMED, "iid": 10**400}, {"iid"}),
        ({**NAMED, "type": "epic"}, {"type"}),
    ],
)
def test_what_names_no_item_is_refused_by_field(
    admin: Caller, links: str, body: dict[str, object], fields: set[str]
) -> None:
    answer = admin.post(links, json=body)
    assert answer.status_code == 422
    assert set(answer.json["errors"]) == fields


def test_each_of_a_batch_has_its_result(admin: Caller, links: str) -> None:
    first = admin.post(links, json={"url": URL}).json["link"]
    batch = [{"url": URL}, {"url": "https://gitlab.com/x/y/-/issues/1"}, NAMED]
    answer = admin.post(f"{links}/batch", json={"links": batch})
    assert answer.status_code == 200
    existed, refused, linked = answer.json["results"]
    assert (existed["outcome"], existed["link"]["id"]) == ("existed", first["id"])
    assert (refused["outcome"], refused["link"]) == ("refused", None)
    assert refused["code"] == "url_host_mismatch"
    assert refused["detail"]
    assert (linked["outcome"], linked["link"]["reference"]) == ("linked", "acme/app!12")
    assert (linked["code"], linked["detail"]) == (None, None)
    again = admin.post(f"{links}/batch", json={"links": batch}).json["results"]
    assert [one["outcome"] for one in again] == ["existed", "refused", "existed"]


def test_all_or_none_is_by_choice(admin: Caller, links: str) -> None:
    batch = {"links": [NAMED, {"url": "nonsense"}], "all_or_none": True}
    answer = admin.post(f"{links}/batch", json=batch)
    assert (answer.status_code, answer.json["code"]) == (422, "batch_refused")
    assert list(answer.json["errors"]) == ["links.1"]
    assert admin.get(links).json["links"] == []


def test_a_batch_has_1_to_50_well_formed_entries(admin: Caller, links: str) -> None:
    many = [{**NAMED, "iid": iid} for iid in range(1, 52)]
    for entries in ([], many, [{"url": URL}, {}], [{"url": URL}, 3]):
        answer = admin.post(f"{links}/batch", json={"links": entries})
        assert (answer.status_code, answer.json["code"]) == (422, "validation_error")
    answer = admin.post(f"{links}/batch", json={"links": many[:50]})
    assert {one["outcome"] for one in answer.json["results"]} == {"linked"}
