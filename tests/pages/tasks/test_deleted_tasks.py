"""What is sent to a task that somebody has deleted since its page was opened."""

import pytest
from flask import Flask

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from tests.api.callers import Caller
from tests.factories import Factory, unknown_id
from tests.pages.conftest import As
from tests.pages.markup import Markup, hidden, text_of

BELOW_A_TASK = "/orgs/<uuid:org_id>/tasks/<reference>/"
TYPED = "acme/web#3\nacme/web!7"


@pytest.fixture
def visitor(acting: As, base: str) -> Caller:
    """Somebody whose page of ACME-1 is still open, while ACME-2 is there."""
    for title in ("Goes", "Stays"):
        assert acting().post(f"/api{base}/tasks", json={"title": title}).status_code == 201
    acting().post(f"{base}/tasks/ACME-1/delete")
    return acting()


def paths_below(app: Flask, base: str, reference: str) -> list[str]:
    """Where a page of a task sends its forms; the link is none that there is."""
    rules = [rule for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())]
    tails = [rule.rule.removeprefix(BELOW_A_TASK) for rule in rules if BELOW_A_TASK in rule.rule]
    link_id = str(unknown_id())
    return [f"{base}/tasks/{reference}/{tail.replace('<uuid:link_id>', link_id)}" for tail in tails]


def test_every_form_of_a_deleted_task_says_so_and_where_the_others_are(
    app: Flask, visitor: Caller, base: str
) -> None:
    paths, wrong = paths_below(app, base, "ACME-1"), {}
    assert {f"{base}/tasks/ACME-1/{name}" for name in ("status", "links", "edit", "pin")} <= {
        *paths
    }
    for path in paths:
        answer = visitor.post(path, data={"status": "done", "seen": "open"})
        page = Markup.of(answer)
        words = "This task was deleted Somebody deleted it while its page was open here."
        (heading,) = page.all("h1")
        says = answer.status_code == 404 and words in text_of(answer)
        if not says or "autofocus" not in heading.attributes:
            wrong[path] = text_of(answer)
        assert page.one("a", class_="btn")["href"] == f"{base}/tasks"
    assert wrong == {}


def test_what_was_to_be_linked_to_a_deleted_task_can_be_linked_to_a_new_one(
    visitor: Caller, factory: Factory, org: Org, base: str
) -> None:
    factory.integration(org, token_ciphertext="something")
    answer = visitor.post(f"{base}/tasks/ACME-1/links", data={"url": TYPED})
    assert answer.status_code == 404
    assert "Somebody deleted this task while you were editing it." in text_of(answer)
    form = Markup.of(answer)
    assert "autofocus" in form.one("div", class_="notice").attributes
    links = form.one("textarea", id="links").text.strip()
    assert links == TYPED
    fields = dict.fromkeys(("description", "external_url", "assignee_id", "due_date"), "")
    sent = {**fields, "title": "Anew", "links": links, **hidden(answer, "once")}
    made = visitor.post(form.one("form", class_="form-card")["action"], data=sent)
    shown = text_of(visitor.get(made.headers["Location"]))
    assert "Created ACME-3 with 2 linked items." in shown


def test_a_task_that_is_there_was_not_deleted_and_others_are_nobodys_business(
    visitor: Caller, acting: As, factory: Factory, org: Org, base: str
) -> None:
    of_another = factory.link(factory.task(org)).id
    elsewhere = acting(Role.ADMIN, factory.org())
    answers = [visitor.post(f"{base}/tasks/ACME-2/links/{of_another}/unlink")]
    answers += [elsewhere.post(f"{base}/tasks/ACME-1/pin"), visitor.get(f"{base}/tasks/ACME-1")]
    assert ["Page not found" in text_of(answer) for answer in answers] == [True] * 3
    assert [answer.status_code for answer in answers] == [404] * 3


def test_a_form_for_a_link_that_was_removed_leads_back_to_the_task(
    app: Flask, visitor: Caller, factory: Factory, org: Org, base: str
) -> None:
    factory.integration(org, token_ciphertext="something")
    visitor.post(f"{base}/tasks/ACME-2/links", data={"url": TYPED.splitlines()[0]})
    shown = Markup.of(visitor.get(f"{base}/tasks/ACME-2"))
    pressed = [shown.one("button", form="unlink")["formaction"]]
    visitor.post(pressed[0])
    below = paths_below(app, base, "ACME-2")
    pressed += [path for path in below if path.endswith(("/unlink", "/keep", "/leave"))]
    assert len(pressed) == 4
    for path in pressed:
        answer = visitor.post(path)
        assert answer.headers["Location"] == f"{base}/tasks/ACME-2"
        page = text_of(visitor.get(answer.headers["Location"]))
        assert page.count("This link was already removed.") == 1, path
        assert visitor.post(path, headers={"X-Fragment": "links"}).status_code == 404


def test_an_open_page_that_asks_what_is_new_is_told_and_an_address_is_not(
    visitor: Caller, acting: As, factory: Factory, base: str
) -> None:
    elsewhere = acting(Role.ADMIN, factory.org())
    for path, part in (("ACME-1/links", "links"), ("ACME-1/timeline", "timeline")):
        answer = visitor.get(f"{base}/tasks/{path}", headers={"X-Fragment": part})
        assert (answer.status_code, "This task was deleted" in text_of(answer)) == (404, True)
        assert Markup.of(answer).one("div", class_="error-page")["data-code"] == "task_deleted"
        outside = elsewhere.get(f"{base}/tasks/{path}", headers={"X-Fragment": part})
        assert "Page not found" in text_of(outside)
        assert "Page not found" in text_of(
            visitor.get(f"{base}/tasks/{path}", follow_redirects=True)
        )


def test_a_program_is_told_what_it_is_told_elsewhere(visitor: Caller, base: str) -> None:
    path = f"{base}/tasks/ACME-1/pin"
    answer = visitor.post(path, headers={"Accept": "application/json"})
    assert answer.get_json()["code"] == "not_found"
