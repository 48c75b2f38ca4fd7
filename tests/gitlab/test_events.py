"""Webhook requests into events: whom they are about, and whether they matter."""

import json
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_links.errors import InvalidJson
from gitlab_links.gitlab.events import MAX_DEDUPE_KEY_LENGTH, Event
from gitlab_links.gitlab.items import MAX_IID, ItemType
from gitlab_links.gitlab.pipelines import BranchPipeline
from gitlab_links.gitlab.snapshot import Snapshot
from tests.gitlab import bodies


def event(body, headers=MappingProxyType({})) -> Event:
    return Event.from_request(headers, bodies.sent(body))


def identity(read: Event):
    return (read.project_id, read.project_path, read.item_type, read.iid)


ISSUE_17 = (42, "ships/engine", ItemType.ISSUE, 17)
MERGE_REQUEST_4 = (42, "ships/engine", ItemType.MERGE_REQUEST, 4)
NOBODY = (None, None, None, None)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (bodies.issue(), ISSUE_17),
        (bodies.issue(object_kind="work_item", event_type="work_item"), ISSUE_17),
        (bodies.issue(event_type="confidential_issue"), ISSUE_17),
        (bodies.merge_request(), MERGE_REQUEST_4),
        (bodies.note("Issue", issue={"iid": 17}), ISSUE_17),
        (bodies.note("WorkItem", work_item={"iid": 17}), ISSUE_17),
        (bodies.note("MergeRequest", merge_request={"iid": 4}), MERGE_REQUEST_4),
        (bodies.pipeline({"iid": 4, "target_project_id": 42}), MERGE_REQUEST_4),
        (bodies.pipeline({"iid": 4}), MERGE_REQUEST_4),
        (bodies.issue(attributes={"iid": "17"}), ISSUE_17),
        (bodies.issue(attributes={"iid": MAX_IID}), (*ISSUE_17[:3], MAX_IID)),
        (
            bodies.issue(project={"path_with_namespace": "ships/engine"}),
            ISSUE_17,
        ),
        (bodies.issue(project={"id": 42}), (42, None, ItemType.ISSUE, 17)),
    ],
)
def test_an_event_of_an_item_names_project_type_and_iid(body, expected):
    read = event(body)
    assert identity(read) == expected
    assert read.relevant


def test_a_group_hook_of_gitlab_8_has_blanks_in_its_keys():
    attributes = {"iid ": 4, "title ": "Old ", "state ": "merged ", "target_project_id ": 42}
    read = event(
        {
            "object_kind": "merge_request",
            "project": {"path_with_namespace": "ships/engine"},
            "object_attributes": attributes,
        }
    )
    assert identity(read) == MERGE_REQUEST_4
    assert (read.snapshot.title, read.snapshot.state) == ("Old", "merged")


@pytest.mark.parametrize(
    "body",
    [
        bodies.issue(object_kind="work_item", project=None, attributes={"project_id": None}),
        bodies.issue(attributes={"iid": None}),
        bodies.issue(attributes={"iid": 0}),
        bodies.issue(attributes={"iid": -1}),
        bodies.issue(attributes={"iid": True}),
        bodies.issue(attributes={"iid": 1.0}),
        bodies.issue(attributes={"iid": "1_0"}),
        bodies.issue(attributes={"iid": "١"}),
        bodies.issue(attributes={"iid": MAX_IID + 1}),
        bodies.issue(attributes={"iid": [17]}),
        bodies.issue(object_attributes=None),
        bodies.issue(object_attributes="text"),
        bodies.issue(object_kind="epic"),
        bodies.issue(object_kind=["issue"]),
        bodies.note("Commit", commit={"id": "abc"}),
        bodies.note("Snippet", snippet={"iid": 17}),
        bodies.note("Issue"),
        bodies.note("Issue", merge_request={"iid": 4}),
        bodies.pipeline(None),  # of no branch either
        bodies.pipeline({"id": 1}),
        bodies.pipeline("text"),
        bodies.pipeline({"iid": 4}, project=None),
        {"object_kind": "push", "project_id": 42, "project": bodies.PROJECT},
        {"object_kind": "build", "project_id": 42},
        {"event_name": "user_create"},
        {},
        [],
        None,
        "issue",
        17,
    ],
)
def test_what_is_about_no_item_is_not_relevant(body):
    read = event(body)
    assert not read.relevant
    assert (read.item_type, read.iid, read.snapshot) == (None, None, None)


def test_an_irrelevant_event_still_has_its_name_and_kind():
    read = event(
        {"object_kind": "push", "event_name": "push", "project": bodies.PROJECT},
        {"X-Gitlab-Event": "Push Hook"},
    )
    assert (read.name, read.object_kind, read.project_path) == ("Push Hook", "push", "ships/engine")


def test_an_event_without_a_project_object_names_its_project_beside_it():
    body = {"event_name": "project_create", "project_id": 42, "path_with_namespace": "ships/engine"}
    assert identity(event(body)) == (42, "ships/engine", None, None)


@pytest.mark.parametrize("action", ["open", "update", "close", None])
def test_the_action_is_that_of_the_item(action):
    assert event(bodies.issue(attributes={"action": action})).action == action


def test_a_pipeline_of_a_branch_names_where_its_merge_requests_come_from():
    read = event(bodies.branch_pipeline())
    assert read.branch_pipeline == BranchPipeline(42, "pump", "0a" * 20)
    assert (read.relevant, read.item_type, read.iid, read.snapshot) == (True, None, None, None)
    assert (read.project_id, read.project_path) == (42, "ships/engine")


@pytest.mark.parametrize(
    "attributes", [{"tag": True}, {"ref": None}, {"ref": 7}, {"ref": "b" * 256}]
)
def test_a_pipeline_of_no_branch_is_of_no_interest(attributes):
    assert not event(bodies.branch_pipeline(**attributes)).relevant


def test_a_merge_request_pipeline_is_of_no_branch():
    body = bodies.branch_pipeline() | {"merge_request": {"iid": 4, "target_project_id": 42}}
    assert event(body).branch_pipeline is None


def test_a_pipeline_of_a_fork_is_about_the_target_project():
    url = "https://gitlab.example.com/fleet/engine/-/merge_requests/4"
    read = event(bodies.pipeline({"iid": 4, "target_project_id": 77, "url": url}))
    assert identity(read) == (77, "fleet/engine", ItemType.MERGE_REQUEST, 4)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://example.com/gitlab/fleet/engine/-/merge_requests/4", "fleet/engine"),
        ("https://example.com/gitlab/fleet/engine/merge_requests/4", "fleet/engine"),
        ("https://example.com/gitlab/fleet/engine/-/issues/4", None),
        ("https://example.com/gitlab/engine/-/merge_requests/4", None),
        ("fleet/engine!4", None),
        (None, None),
        ({}, None),
    ],
)
def test_the_target_project_is_read_out_of_the_url_without_the_relative_root(url, path):
    project = bodies.PROJECT | {"web_url": "https://example.com/gitlab/ships/engine"}
    merge_request = {"iid": 4, "target_project_id": 77, "url": url}
    read = event(bodies.pipeline(merge_request, project=project))
    assert (read.project_id, read.project_path) == (77, path)
    assert read.relevant


@pytest.mark.parametrize(
    ("project", "path"),
    [
        ({"web_url": "https://example.com/gitlab/ships/engine/"}, "fleet/engine"),
        ({"web_url": None}, None),
        ({"path_with_namespace": None}, None),
    ],
)
def test_without_knowing_the_relative_root_no_path_is_read_out_of_a_url(project, path):
    project = bodies.PROJECT | {"web_url": "https://example.com/gitlab/ships/engine"} | project
    url = "https://example.com/gitlab/fleet/engine/-/merge_requests/4"
    merge_request = {"iid": 4, "target_project_id": 77, "url": url}
    assert event(bodies.pipeline(merge_request, project=project)).project_path == path


@pytest.mark.parametrize("known", [{"id": 42}, {"path_with_namespace": "ships/engine"}])
def test_either_name_of_its_own_project_places_a_pipelines_merge_request(known):
    read = event(bodies.pipeline({"iid": 4}, project=known))
    assert read.relevant
    assert (read.project_id, read.project_path) == (
        known.get("id"),
        known.get("path_with_namespace"),
    )


def test_headers_are_found_in_any_case():
    for headers in ({"x-gitlab-event": "Issue Hook"}, {"X-GITLAB-EVENT": "Issue Hook"}):
        assert event(bodies.issue(), headers).name == "Issue Hook"


def test_without_the_header_the_name_is_the_bodys():
    assert event({"event_name": "project_create"}).name == "project_create"
    assert event(bodies.issue()).name is None


@pytest.mark.parametrize("field", ["object_kind", "event_name"])
def test_long_and_dirty_words_are_cut_and_cleaned(field):
    read = event({field: "x\u0000\n" + "y" * 500}, {"X-Gitlab-Event": "z" * 500})
    assert read.object_kind.startswith("x")
    assert read.object_kind.isprintable()
    assert len(read.object_kind) <= 60
    assert len(read.name) == 100


UUID = "f5e5f430-f57b-4e6e-9fac-d9128cd7232f"


@pytest.mark.parametrize(
    "headers",
    [
        {"webhook-id": UUID},
        {"Webhook-Id": UUID, "Idempotency-Key": "another"},
        {"Idempotency-Key": UUID, "X-Gitlab-Webhook-UUID": "new-each-time"},
        {"idempotency-key": UUID, "X-Gitlab-Event-UUID": "shared"},
    ],
)
def test_the_dedupe_key_is_the_one_gitlab_repeats_in_retries(headers):
    assert event(bodies.issue(), headers).dedupe_key == UUID


def test_old_gitlabs_are_deduped_by_event_and_body_together():
    def key(body, uuid):
        return event(body, {"X-Gitlab-Event-UUID": uuid}).dedupe_key

    first = key(bodies.issue(), "one")
    assert first.startswith("sha256:")
    assert first == key(bodies.issue(), "one")
    others = key(bodies.issue(), "two"), key(bodies.merge_request(), "one")
    assert len({first, *others, key(bodies.issue(), "\ud800")}) == 4


def test_without_any_key_nothing_is_taken_for_a_duplicate():
    headers = {"X-Gitlab-Webhook-UUID": UUID, "webhook-id": "", "X-Gitlab-Event-UUID": ""}
    assert event(bodies.issue(), headers).dedupe_key is None


@pytest.mark.parametrize("key", ["k", "!~", "k" * MAX_DEDUPE_KEY_LENGTH])
def test_a_key_that_fits_is_unchanged(key):
    assert event(bodies.issue(), {"webhook-id": key}).dedupe_key == key


@pytest.mark.parametrize("key", ["k" * 101, "k" * 100_000, "ключ", "a b", "a\x00b", "\ud800"])
def test_a_key_of_any_length_and_kind_fits(key):
    read = event(bodies.issue(), {"webhook-id": key})
    assert read.dedupe_key.startswith("sha256:")
    assert len(read.dedupe_key) <= MAX_DEDUPE_KEY_LENGTH
    assert read.dedupe_key.isascii()
    assert read.dedupe_key == event(bodies.issue(), {"webhook-id": key}).dedupe_key
    assert read.dedupe_key != event(bodies.issue(), {"webhook-id": key + "x"}).dedupe_key


def test_a_body_that_is_not_json_is_refused():
    with pytest.raises(InvalidJson):
        Event.from_request({}, b"object_kind=issue")


def test_an_event_does_not_show_its_body():
    assert "Pump leaks" not in repr(event(bodies.issue()))


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
KNOWN_KEYS = st.sampled_from(
    sorted(
        {"object_kind", "event_name", "project", "project_id", "object_attributes", "changes"}
        | {"labels", "assignees", "assignee", "reviewers", "merge_request", "issue", "work_item"}
        | {"old_path_with_namespace", "path_with_namespace", "old_full_path", "full_path"}
        | set(bodies.issue()["object_attributes"])
        | set(bodies.merge_request()["object_attributes"])
        | {"noteable_type", "url", "web_url", "username", "name", "title", "color", "text_color"}
    )
)
KINDS = ["issue", "work_item", "merge_request", "note", "pipeline", "group_rename"]
WORDS = st.sampled_from(
    [*KINDS, "project_rename", "Issue", "MergeRequest", "a/b", "2026-01-01T00:00:00Z", "#fff"]
)
LOOKALIKES = st.recursive(
    ANY_JSON | WORDS | st.integers(1, 100),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KNOWN_KEYS, inner, max_size=12),
    max_leaves=40,
)


@given(ANY_JSON | LOOKALIKES)
def test_any_json_makes_an_event(body):
    read = Event.from_request({}, json.dumps(body).encode())
    assert read.relevant == (read.item_type is not None) == (read.iid is not None)
    if read.relevant:
        assert read.project_id is not None or read.project_path is not None
    assert read.snapshot is None or isinstance(read.snapshot, Snapshot)


@given(st.sampled_from(["issue", "merge_request"]), KNOWN_KEYS, LOOKALIKES)
def test_any_value_in_any_field_makes_an_event(kind, key, value):
    make = getattr(bodies, kind)
    for body in (make(attributes={key: value}), make(**{key: value})):
        read = Event.from_request({}, json.dumps(body).encode())
        assert read.snapshot is None or read.snapshot.iid == read.iid
