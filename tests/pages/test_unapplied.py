"""What a list does not apply of its address: filters, texts and places."""

from itertools import product
from uuid import UUID

import pytest

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from tests.api.callers import Caller
from tests.factories import Factory
from tests.pages.conftest import As
from tests.pages.csv.test_csv import files_on
from tests.pages.markup import Markup

NOT_APPLIED = (
    (Role.PM, "tasks?status=nonsense&sort=nope&q=x&page=2", "status “nonsense”, sort “nope”"),
    (Role.PM, "tasks?status=open&status=done&colour=%3Cb%3E", "status “done”, colour “<b>”"),
    (Role.CLIENT, "tasks?need=overdue&need=&links=opened&label=x", "links “opened”, label “x”"),
    (Role.MEMBER, "links?pipeline=x&state=opened&after=0", "pipeline “x”"),
    (Role.ADMIN, "deliveries?event=Issue+Hook&status=lost", "status “lost”"),
    (Role.ADMIN, "audit?action=task.created&actor=ann", "actor “ann”"),
    (Role.PM, "tasks/ACME-1/timeline?topic=weather", "topic “weather”"),
)
LONG = "x" * 501
UNFIT = (
    (Role.PM, "tasks?q={}", "filter-q"),
    (Role.PM, "tasks?label={}&q=Task", "filter-label"),
    (Role.MEMBER, "links?q={}", "filter-q"),
    (Role.MEMBER, "links?label=bug&label={}", "filter-label-2"),
    (Role.MEMBER, "links?assignee={}", "filter-assignee"),
    (Role.ADMIN, "deliveries?project={}", "filter-project"),
    (Role.ADMIN, "deliveries?id={}", "filter-id"),
    (Role.ADMIN, "status-rules?q={}", "filter-q"),
)


def test_a_filter_that_is_not_applied_is_named_on_the_page_and_refused_for_a_file(
    factory: Factory, org: Org, base: str, acting: As
) -> None:
    visitors = {role: acting(role) for role, _, _ in NOT_APPLIED}
    visitors[Role.PM].post(f"/api{base}/tasks", json={"title": "Recorded"})
    factory.link(factory.task(org, number=7))
    factory.delivery(org, event="Issue Hook")
    for role, path, left_out in NOT_APPLIED:
        page = Markup.of(visitors[role].get(f"{base}/{path}"))
        (note,) = page.all("div", id="unapplied")
        assert note.text.strip().endswith(f"no such filter or choice: {left_out}."), path
        (file,) = files_on(page)
        assert visitors[role].get(file).status_code == 200, file
        refused = visitors[role].get(f"{base}/{path.replace('?', '.csv?')}")
        assert (refused.status_code, refused.mimetype) == (422, "text/plain"), path
        assert left_out in refused.text


@pytest.mark.parametrize(
    ("typed", "shown", "fault"),
    [
        (LONG, "x" * 59 + "…", "longer than 500 characters"),
        ("a%00b", "a\ufffdb", "a character that no list can be searched for"),
    ],
)
def test_a_text_that_no_list_is_searched_for_stays_in_its_field_and_is_named(
    factory: Factory, org: Org, base: str, acting: As, typed: str, shown: str, fault: str
) -> None:
    factory.link(factory.task(org, number=7))
    factory.delivery(org)
    visitors = {role: acting(role) for role, _, _ in UNFIT}
    visitors[Role.ADMIN].post(f"{base}/status-rules/dry-run")
    for role, path, field in UNFIT:
        address = f"{base}/{path.format(typed)}"
        page = Markup.of(visitors[role].get(address))
        (note,) = page.all("div", id="unapplied")
        name = path.partition("={}")[0].rpartition("?")[2].rpartition("&")[2]
        assert note.text.strip().endswith(f"{fault}: {name} “{shown}”."), path
        (box,) = page.all("input", id="find" if field == "filter-q" and "tasks" in path else field)
        assert box["value"] == typed.replace("%00", "\0"), path
        refused = visitors[role].get(address.replace("?", ".csv?"))
        assert (refused.status_code, fault in refused.text) == (422, True), path


NO_PLACES = ("after=0", f"after={UUID(int=1)}&at=noon", "at=noon", f"after={UUID(int=1)}")


@pytest.fixture
def endpoint_log(factory: Factory, org: Org, base: str, acting: As) -> str:
    """The path of one; there is something in each of the lists that go on behind a row."""
    factory.link(factory.task(org, number=7))
    factory.delivery(org)
    acting(Role.ADMIN).post(f"{base}/status-rules/dry-run")
    return f"endpoints/{factory.sent(org).endpoint_id}"


LISTS = ("links", "deliveries", "audit", "tasks/ACME-7/timeline", "status-rules")


def test_behind_what_is_no_place_of_a_list_there_is_no_page_but_a_way_to_the_first(
    endpoint_log: str, base: str, acting: As
) -> None:
    admin: Caller = acting(Role.ADMIN)
    for path, place in product((*LISTS, endpoint_log), NO_PLACES):
        page = Markup.of(admin.get(f"{base}/{path}?{place}"))
        (part,) = page.all("div", class_="empty")
        assert "There is no such page" in part.text, (path, place)
        assert f"{base}/{path}" in [one["href"] for one in page.all("a") if "div" in one.parents]


def test_an_open_page_follows_the_place_that_it_shows(
    factory: Factory, org: Org, base: str, acting: As
) -> None:
    factory.task(org, number=7)
    admin: Caller = acting(Role.ADMIN)
    for path, place in product(("deliveries", "tasks/ACME-7/timeline"), NO_PLACES):
        page = Markup.of(admin.get(f"{base}/{path}?{place}"))
        followed = admin.get(page.one("div", id="results")["data-live"])
        assert "There is no such page" in followed.text, (path, place)


def test_a_place_of_another_kind_of_list_and_a_filter_of_none_are_named(
    endpoint_log: str, base: str, acting: As
) -> None:
    admin: Caller = acting(Role.ADMIN)
    named = {f"{path}?page=2": "page “2”" for path in (*LISTS, endpoint_log)}
    named["tasks?after=0&at=noon"] = "after “0”, at “noon”"
    named["tasks/ACME-7/timeline?reference=ACME-8"] = "reference “ACME-8”"
    named[f"{endpoint_log}?endpoint_id=8"] = "endpoint_id “8”"
    named |= {f"{path}?q=x&page=2": "q “x”, page “2”" for path in ("waiting", "overview")}
    for path, left_out in named.items():
        page = Markup.of(admin.get(f"{base}/{path}"))
        (note,) = page.all("div", id="unapplied")
        assert note.text.strip().endswith(f"no such filter or choice: {left_out}."), path
    for path in ("waiting", "overview"):
        (note,) = Markup.of(admin.get(f"{base}/{path}")).all("div", id="unapplied")
        assert note.text.strip() == "", path


def test_a_list_whose_filters_are_all_applied_has_no_note(
    factory: Factory, org: Org, base: str, acting: As
) -> None:
    factory.task(org)
    query = "status=open&sort=newest&need=nothing_linked&q=&label=&assignee=none&page=1"
    (note,) = Markup.of(acting().get(f"{base}/tasks?{query}")).all("div", id="unapplied")
    assert note.text.strip() == ""
    assert acting().get(f"{base}/tasks.csv?{query}").status_code == 200
