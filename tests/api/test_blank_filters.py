"""A filter that is blank is as if it was not given, in every list of the API."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from gitlab_links.accounts.models import Org
from gitlab_links.api.contract import contract
from gitlab_links.http.json_bodies import PLACES
from tests.api.callers import Caller
from tests.factories import Factory


@pytest.fixture
def lists(app: Flask, factory: Factory, org: Org, base: str) -> dict[str, list[str]]:
    """The parameters of every list, by its path."""
    task, endpoint = factory.link(factory.task(org)).task_id, factory.sent(org).endpoint_id
    factory.delivery(org)
    things = {"org_id": str(org.id), "task_id": str(task), "endpoint_id": str(endpoint)}
    with app.app_context():
        found = dict(_lists(contract(app), things))
    assert {f"{base}/tasks", f"{base}/gitlab-links", f"{base}/audit-events"} < found.keys()
    return found


def _lists(document: dict[str, Any], things: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    for path, item in document["paths"].items():
        given = item.get("get", {}).get("parameters", [])
        names = [one["name"] for one in given if one.get("in") == "query"]
        found = re.sub("{(.*?)}", lambda one: things.get(one[1], one[0]), path)
        if names and "{" not in found:
            yield found, names


def test_a_blank_filter_is_as_if_not_given(admin: Caller, lists: dict[str, list[str]]) -> None:
    for path, names in lists.items():
        whole = admin.get(path)
        for blank in ("", "  "):
            asked = {name: blank for name in names if name not in PLACES}
            answer = admin.get(path, query_string=asked)
            assert (answer.status_code, answer.data) == (whole.status_code, whole.data), path


def test_a_blank_place_in_a_list_is_refused_and_so_is_what_there_is_not(
    admin: Caller, lists: dict[str, list[str]]
) -> None:
    for path, names in lists.items():
        for name in [*PLACES.intersection(names), "nonsense"]:
            answer = admin.get(path, query_string={name: ""})
            assert answer.status_code == 422, (path, name)
            assert list(answer.json["errors"]) == [name]


def test_one_blank_and_one_value_are_one_value(admin: Caller, base: str) -> None:
    assert admin.get(f"{base}/tasks?status=&status=open").status_code == 200
    refused = admin.get(f"{base}/tasks?status=done&status=open")
    assert refused.json["errors"] == {"status": ["Give it once."]}
