"""An endpoint is added, tried and looked into; its pages and its log as pictures."""

import re

from playwright.sync_api import expect

from gitlab_links.demo.sample_tasks import SHOP
from tests.pages.browser.conftest import Open, Stack, notice
from tests.pages.browser.looks import LOOKS, see


def test_an_endpoint_is_added_tried_and_its_log_read(stack: Stack, open_page: Open) -> None:
    page, state = open_page("/endpoints"), stack.gitlab.state
    page.get_by_label("Address").fill(f"{stack.gitlab.url}/build-lights")
    page.get_by_label("Description").fill("Build lights")
    page.get_by_role("button", name="Add endpoint").click()
    expect(page.get_by_label("Signing secret")).to_have_value(re.compile("^whsec_"))
    page.get_by_role("button", name="Send a test").click()
    expect(notice(page, "The test was not accepted. It answered 404.")).to_be_visible()
    endpoint = page.url

    issue = state.items.find(state.projects.get(SHOP), "issue", 1)
    state.items.edit(issue, add_labels=["urgent"])
    row = page.get_by_role("row").filter(has_text="link.changed").first
    for _ in range(120):
        page.goto(endpoint)
        if row.get_by_text("It answered 404").count():
            break
        page.wait_for_timeout(500)
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", name="link.changed")).to_be_visible()
    sent, faults = page.url, {}
    shown = {"endpoints": f"{stack.org_url}/endpoints", "endpoint": endpoint, "sent": sent}
    for name, address in shown.items():
        page.goto(address)
        faults[name] = see(page, LOOKS, name, whole=True)
    page.goto(endpoint)
    page.get_by_label("Description").fill("Half typed")
    page.locator("#filter-status").select_option("delivered")
    expect(page).to_have_url(f"{endpoint}?status=delivered")
    expect(page.get_by_text("Nothing with this status.")).to_be_visible()
    expect(page.get_by_label("Description")).to_have_value("Half typed")
    page.get_by_role("button", name="Turn off").click()
    expect(page.get_by_text("It is off.")).to_be_visible()
    assert {place: found for place, found in faults.items() if found} == {}
