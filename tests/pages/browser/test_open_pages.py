"""An update of an open page loses nothing: no focus, no typed text, no later answer, no place."""

import json
import re

from playwright.sync_api import Page, expect

from gitlab_links.demo.sample_tasks import SHOP
from tests.pages.browser.conftest import Open, Stack, poll_now
from tests.pages.browser.test_finding import new_tasks
from tests.pages.browser.test_live import wait_until_steady

# The answer to the page's next question of the part comes whole, and once ``letIn`` is called.
HOLD = """(part) => {
    const real = window.fetch;
    const held = new Promise((resolve) => { window.letIn = resolve; });
    let waits = true;
    window.fetch = async (url, options) => {
        const mine = waits && !options?.method && options?.headers?.["X-Fragment"] === part;
        if (!mine) return real(url, options);
        waits = false;
        const answer = await real(url, { headers: { "X-Fragment": part }, cache: "no-store" });
        document.documentElement.dataset.held = "1";
        await held;
        setTimeout(() => { document.documentElement.dataset.isIn = "1"; }, 200);
        return answer;
    };
}"""
# The answer to the form comes once ``letIn`` is called.
HOLD_FORM = """() => {
    const real = window.fetch;
    const held = new Promise((resolve) => { window.letIn = resolve; });
    window.fetch = async (url, options) => {
        const answer = await real(url, options);
        if (options?.method === "POST") {
            document.documentElement.dataset.held = "1";
            await held;
        }
        return answer;
    };
}"""
MORPH = """async ([url, canMove]) => {
    if (!canMove) delete Element.prototype.moveBefore;
    const { morph, updateRows } = await import(url);
    const part = (text) => {
        const made = document.createElement("div");
        made.innerHTML = text;
        return made;
    };
    const row = (name) => `<p id="row-${name}"><button>${name}</button></p>`;
    const [list, next] = [part(row("a") + row("b")), part(row("b") + row("a"))];
    const why = part("<details><summary>Why</summary>Because.</details>");
    document.body.append(list, why);
    list.querySelector("#row-b button").focus();
    why.firstChild.open = true;
    updateRows(list, next);
    morph(why, part("<details class='new'><summary>Why</summary>Therefore.</details>"));
    return {
        rows: list.textContent,
        focused: document.activeElement.textContent,
        why: why.innerText,
    };
}"""

# The form above the projects of a connection comes or goes while a button of theirs has the focus.
FORM_COMES_OR_GOES = """async (url) => {
    const { morph } = await import(url);
    const shown = document.getElementById("projects");
    const next = shown.cloneNode(true);
    const form = next.querySelector("#make-hooks");
    if (form) form.remove();
    else {
        const made = Object.assign(document.createElement("form"), { id: "make-hooks" });
        next.insertBefore(made, next.querySelector(".table-frame"));
    }
    const button = shown.querySelector("td button");
    button.focus();
    morph(shown, next);
    const changed = Boolean(form) !== Boolean(shown.querySelector("#make-hooks"));
    return [changed, document.activeElement === button];
}"""


def wait_for_page(page: Page, word: str) -> None:
    """Until what a script above says of itself."""
    expect(page.locator("html")).to_have_attribute(f"data-{word}", "1")


def script(page: Page, name: str) -> str:
    url = page.locator("script[src*='/js/page.js']").get_attribute("src")
    assert url is not None
    return url.replace("page.js", name)


def test_with_access_again_a_page_on_which_something_is_typed_is_live_again(
    open_page: Open,
) -> None:
    page = open_page("/waiting")
    state = page.locator("[data-live-state]")
    expect(state).to_have_text("Live")
    page.get_by_role("textbox", name="GitLab user name").fill("typed")
    page.route("**/waiting*", lambda route: route.fulfill(status=404))
    poll_now(page)
    expect(state).to_have_text("Not live")
    page.unroute("**/waiting*")
    poll_now(page)
    expect(state).to_have_text("Live")


def test_an_update_leaves_focus_and_folds_as_they_are(open_page: Open) -> None:
    page = open_page("/tasks/new")
    for can_move in (True, False):
        page.reload()
        shown = page.evaluate(MORPH, [script(page, "morph.js"), can_move])
        assert shown["rows"] == "ba"
        assert shown["focused"] == "b", f"moveBefore: {can_move}"
        assert "Therefore." in shown["why"], "the fold is closed"
    page = open_page("/gitlab")
    assert page.evaluate(FORM_COMES_OR_GOES, script(page, "morph.js")) == [True, True]


def test_what_is_typed_while_a_link_is_made_stays(stack: Stack, open_page: Open) -> None:
    page = open_page(stack.task_url)
    wait_until_steady(page)
    page.evaluate(HOLD_FORM)
    field = page.get_by_label("Link an issue or merge request")
    field.fill(f"{SHOP}#2")
    field.press("Enter")
    wait_for_page(page, "held")
    field.fill("acme/mobile#1")
    page.locator("#find").focus()
    page.evaluate("letIn()")
    row = page.locator(f'.item[data-reference="{SHOP}#2"]')
    expect(row).to_be_visible()
    expect(field).to_have_value("acme/mobile#1")
    expect(page.locator("#find")).to_be_focused()
    row.get_by_role("button", name="Unlink").click()
    expect(row).to_have_count(0)


def test_the_open_page_of_a_deleted_task_loses_nothing_that_is_typed(
    stack: Stack, open_page: Open
) -> None:
    colleague = open_page("/tasks/new")
    colleague.on("dialog", lambda dialog: dialog.accept())
    new_tasks(colleague, stack, ["Goes meanwhile"])
    page, plain = (
        open_page(colleague.url, java_script_enabled=scripted) for scripted in (True, False)
    )
    page.locator("#link-url").fill("acme/web-shop#1")
    colleague.get_by_role("link", name="Edit").click()
    colleague.get_by_role("button", name="Delete task").click()
    expect(colleague.locator(".notices")).to_contain_text("Deleted ACME-")
    poll_now(page)
    expect(page.locator(".notice[autofocus]")).to_be_focused()
    expect(page.locator("#links")).to_have_value("acme/web-shop#1")
    plain.get_by_role("button", name="Done").click()
    expect(plain.get_by_role("heading", name="This task was deleted")).to_be_focused()


def test_the_open_pages_of_a_task_say_that_it_was_deleted(stack: Stack, open_page: Open) -> None:
    colleague = open_page("/tasks/new")
    colleague.on("dialog", lambda dialog: dialog.accept())
    new_tasks(colleague, stack, ["Goes while it is read"])
    pages = [open_page(f"{colleague.url}{tail}") for tail in ("", "/timeline")]
    colleague.get_by_role("link", name="Edit").click()
    colleague.get_by_role("button", name="Delete task").click()
    expect(colleague.locator(".notices")).to_contain_text("Deleted ACME-")
    for page in pages:
        poll_now(page)
        expect(page.get_by_role("heading", name="This task was deleted")).to_be_focused()
        expect(page).to_have_title(re.compile("This task was deleted"))
        page.get_by_role("link", name="Go to tasks").click()
        expect(page.get_by_role("heading", name="Tasks", exact=True)).to_be_visible()


def test_an_older_answer_does_not_replace_a_newer_one(stack: Stack, open_page: Open) -> None:
    page = open_page(stack.task_url)
    wait_until_steady(page)
    page.evaluate(HOLD, "links")
    wait_for_page(page, "held")
    field = page.get_by_label("Link an issue or merge request")
    field.fill(f"{SHOP}#2")
    field.press("Enter")
    row = page.locator(f'.item[data-reference="{SHOP}#2"]')
    expect(row).to_be_visible()
    row.evaluate("(row) => { row.isFirst = true; }")
    page.evaluate("letIn()")
    wait_for_page(page, "is-in")
    expect(row).to_have_js_property("isFirst", value=True)
    row.get_by_role("button", name="Unlink").click()
    expect(row).to_have_count(0)


def test_the_place_of_a_task_in_its_list_is_that_of_the_list_as_it_is_now(
    stack: Stack, open_page: Open
) -> None:
    page = open_page("/tasks/new")
    new_tasks(page, stack, ("Placed first", "Placed second"))
    page.goto(f"{stack.org_url}/tasks?q=placed")
    new_tasks(open_page("/tasks/new"), stack, ["Placed third"])
    poll_now(page)
    titles = page.locator(".task-title")
    expect(titles).to_have_count(3)
    titles.last.click()
    place, after = page.locator("[data-place]"), page.locator("[data-neighbour=next]")
    expect(place).to_have_text("3 of 3")
    expect(after).to_have_attribute("aria-disabled", "true")
    for path in (page.url + "/timeline", f"{stack.org_url}/links"):
        here = page.url
        page.goto(path)
        page.goto(here)
        expect(place).to_have_text("3 of 3")


def test_a_long_list_is_stepped_through_to_both_ends(stack: Stack, open_page: Open) -> None:
    page = open_page(stack.task_url)
    page.wait_for_load_state()
    seen = [f"{stack.org_path}/tasks/SEEN-{number}" for number in range(600)]
    listed = {
        "hrefs": [*seen, stack.task_path],
        "first": 1,
        "total": "700",
        "previous": None,
        "next": f"{stack.org_path}/tasks?sort=oldest",
    }
    note = "(text) => sessionStorage.setItem('tasks-as-listed', text)"
    page.evaluate(note, json.dumps(listed))
    page.reload()
    following = page.locator("[data-neighbour=next]")
    expect(following).to_have_attribute("href", re.compile("/tasks/ACME-"))
    kept = json.loads(page.evaluate("sessionStorage.getItem('tasks-as-listed')"))
    assert kept["hrefs"][:601] == listed["hrefs"]
    assert kept["first"] == 1


def test_the_gitlab_page_is_whole_after_back(stack: Stack, open_page: Open) -> None:
    page = open_page("/gitlab")
    with page.expect_response(lambda answer: "x-fragment" in answer.request.headers):
        poll_now(page)
    page.goto(f"{stack.org_url}/members")
    page.go_back()
    expect(page.get_by_role("heading", name="GitLab connection")).to_be_visible()
    expect(page.locator(".tabs")).to_be_visible()


def test_the_open_gitlab_page_changes_only_what_differs(stack: Stack, open_page: Open) -> None:
    page = open_page("/gitlab")
    page.get_by_role("button", name=f"Check the webhook of {SHOP}").wait_for()
    page.evaluate(HOLD, "health")
    poll_now(page)
    wait_for_page(page, "held")
    button = page.get_by_role("button", name=f"Check the webhook of {SHOP}")
    button.focus()
    page.evaluate("document.querySelector('#health-heading').isFirst = true")
    page.evaluate("letIn()")
    wait_for_page(page, "is-in")
    expect(button).to_be_focused()
    expect(page.locator("#health-heading")).to_have_js_property("isFirst", value=True)


def test_the_gitlab_page_keeps_what_is_typed_when_the_session_ends(open_page: Open) -> None:
    page = open_page("/gitlab")
    page.wait_for_load_state()
    field = page.locator("#notify_url")
    field.fill("https://chat.example.com/half-typed")
    page.context.clear_cookies()
    with page.expect_response(lambda answer: answer.status == 401):
        poll_now(page)
    expect(page.locator("[data-live-state]")).to_have_text("Not live")
    expect(field).to_have_value("https://chat.example.com/half-typed")
