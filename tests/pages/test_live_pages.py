"""Every page that follows GitLab says why, as soon as it cannot."""

import re

import pytest
from flask import Flask

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from tests.factories import Factory
from tests.pages.conftest import As
from tests.pages.markup import Element, Markup
from tests.pages.templates import TEMPLATES
from tests.statements import statements
from tests.unreachable import lose_gitlab

INCLUDED = re.compile(r'{% include "([^"]+)" %}')
# By the template of the whole page: its address, and what an open page asks for.
LIVE = {
    "overview/show.html": ("overview", "overview"),
    "tasks/list.html": ("tasks", "tasks"),
    "tasks/show.html": ("tasks/ACME-1", "links"),
    "timeline/show.html": ("tasks/ACME-1/timeline", "timeline"),
    "links/all.html": ("links", "links"),
    "integration/show.html": ("gitlab", "health"),
    "waiting/list.html": ("waiting", "waiting"),
    "deliveries/list.html": ("deliveries", "deliveries"),
    "rules/show.html": ("status-rules", "rules"),
    "integration/backfill.html": ("gitlab/mentions", "mentions"),
}
# The health of a connection is judged anew from all that is known of it.
STATEMENTS = {"integration/show.html": 14}


def templates_with(text: str) -> set[str]:
    return {name for name, source in TEMPLATES.items() if text in source}


def followed(markup: Markup) -> Element:
    """The one part that the script follows."""
    (part,) = [one for one in markup.elements if one.get("data-live") is not None]
    return part


def test_the_live_pages_are_all_known_here_and_all_say_whether_they_are_live() -> None:
    assert templates_with("live_state()") - {"partials/live.html"} == set(LIVE)
    for name in ("data-live=", "data-away=", "data-live-state"):
        assert templates_with(name) == {"partials/live.html"}


def test_each_page_with_filters_has_the_results_that_they_renew() -> None:
    for name in templates_with("data-filters"):
        text = TEMPLATES[name]
        parts = [TEMPLATES[part] for part in INCLUDED.findall(text)]
        assert sum("data-results=" in one for one in (text, *parts)) == 1, name


def test_no_page_loads_itself_again() -> None:
    assert templates_with("http-equiv") == {"auth/to_issuer.html"}  # which leads elsewhere


@pytest.mark.parametrize("page", LIVE)
def test_a_live_page_says_that_gitlab_cannot_be_reached(
    app: Flask, factory: Factory, org: Org, acting: As, base: str, page: str
) -> None:
    factory.integration(org, token_ciphertext="something", token_set_at=utcnow())
    factory.task(org, number=1)
    visitor, (path, name) = acting(Role.ADMIN), LIVE[page]
    url = "https://gitlab.example.com/acme/web/-/issues/7"
    assert visitor.post(f"{base}/tasks/ACME-1/links", data={"url": url}).status_code == 302
    whole = Markup.of(visitor.get(f"{base}/{path}"))
    before = followed(whole)
    assert before["data-away"] == ""
    assert name in [one.get("data-part") for one in whole.elements]
    known = {"X-Fragment": name, "If-None-Match": before["data-etag"]}
    with statements(app) as sent:
        assert visitor.get(before["data-live"], headers=known).status_code == 304
    assert len(sent) <= STATEMENTS.get(page, 8), sent
    lose_gitlab(app, org.id)
    answer = visitor.get(before["data-live"], headers=known)
    assert answer.status_code == 200
    assert followed(Markup.of(answer))["data-away"] == "GitLab cannot be reached."
    known["If-None-Match"] = answer.headers["ETag"]
    assert visitor.get(before["data-live"], headers=known).status_code == 304
