"""Malformed answers: shown on the item with a code of their own, tried again in time."""

import tracemalloc

import pytest

from gitlab_links.gitlab.guarded_session import MAX_RESPONSE_BYTES
from tests.jobs.misbehaving import DRIP, fetch, misbehave


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"status": 403}, "http_403"),
        ({"status": 404}, "not_found"),
        ({"status": 409}, "http_409"),
        ({"status": 418}, "http_418"),
        ({"kind": "html"}, "http_200"),
        ({"kind": "truncated"}, "http_200"),
        ({"kind": "empty"}, "http_200"),
        ({"kind": "redirect", "location": "http://127.0.0.1:9/elsewhere"}, "http_302"),
        ({"kind": "redirect"}, "http_302"),  # to itself, for ever
    ],
)
def test_a_refusal_is_shown_on_the_item_and_tried_again_in_seconds(connected, link, fault, code):
    misbehave(connected, route="issues", **fault)
    before = connected.calls()
    run = fetch(connected)
    assert connected.calls() - before <= 5  # also of redirects
    view = connected.view(link)
    assert (view.sync.status, view.sync.error_code) == ("error", code)
    assert run.comes_before(view.sync.next_sync_at, 4, 5)
    integration = connected.integration()
    assert (integration.error_code, integration.failures) == (None, 0)


@pytest.mark.parametrize("kind", ["large", "gzip_bomb"])
def test_an_answer_without_measure_is_cut_off(connected, link, kind):
    misbehave(connected, kind)
    tracemalloc.start()
    try:
        fetch(connected)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10 * MAX_RESPONSE_BYTES  # of a gibibyte
    view = connected.view(link)
    assert (view.sync.status, view.sync.error_code) == ("error", "http_200")


@pytest.mark.parametrize(
    "fault", [{"status": 500}, {"kind": "close"}, pytest.param(DRIP, marks=pytest.mark.slow)]
)
def test_trouble_with_one_project_does_not_keep_the_others_from_theirs(connected, bearable, fault):
    bad = connected.project("acme/bad")
    refused = connected.link(connected.issue(bad))
    links = [connected.link(connected.issue(connected.project(f"acme/p{n}"))) for n in range(8)]
    misbehave(connected, project_id=bad.id, **fault)
    for _ in range(3):
        fetch(connected)
    assert {connected.view(link).sync.status for link in links} == {"ok"}
    assert connected.view(refused).sync.status == "error"


def test_details_that_fail_leave_the_list_as_it_was_read(connected):
    mr = connected.merge_request(connected.project())
    link = connected.link(mr)
    misbehave(connected, status=500, route="merge_requests/:iid")
    fetch(connected)
    assert (connected.view(link).title, connected.view(link).sync.status) == ("Rollers", "ok")
