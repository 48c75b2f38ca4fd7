"""Two people who edit a task at once see one another's version."""

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from tests.admin.conftest import As
from tests.admin.markup import Markup, text_of
from tests.factories import Factory


def test_the_second_to_save_sees_both_versions_and_decides(
    acting: As, factory: Factory, org: Org, base: str
) -> None:
    factory.task(org, number=1, title="Paper jams", description="Every day")
    first, second = acting(Role.MEMBER), acting(Role.MEMBER)
    path = f"{base}/tasks/ACME-1/edit"
    versions = [
        Markup.of(who.get(path)).one("input", name="version")["value"] for who in (first, second)
    ]
    theirs = {"title": "Paper jams on Mondays", "description": "Every day", "external_url": ""}
    mine = {"title": "Printer jams", "description": "Every day", "external_url": ""}
    assert first.post(path, data={**theirs, "version": versions[0]}).status_code == 302
    shown = second.post(path, data={**mine, "version": versions[1]})
    assert shown.status_code == 412
    text = text_of(shown)
    assert "Somebody else changed this task" in text
    assert "Paper jams on Mondays" in text
    markup = Markup.of(shown)
    assert markup.one("input", id="title")["value"] == "Printer jams"
    assert "Paper jams on Mondays" in second.get(f"{base}/tasks/ACME-1").text
    decided = {**mine, "version": markup.one("input", name="version")["value"]}
    assert second.post(path, data=decided).status_code == 302
    assert "Printer jams" in second.get(f"{base}/tasks/ACME-1").text


def test_a_change_of_status_is_no_conflict(
    acting: As, factory: Factory, org: Org, base: str
) -> None:
    factory.task(org, number=1, title="Paper jams")
    member = acting(Role.MEMBER)
    path = f"{base}/tasks/ACME-1"
    version = Markup.of(member.get(f"{path}/edit")).one("input", name="version")["value"]
    member.post(f"{path}/status", data={"status": "done"})
    data = {"title": "Printer jams", "description": "", "external_url": "", "version": version}
    assert member.post(f"{path}/edit", data=data).status_code == 302
