"""Two people who edit a task or a setting at once see one another's version."""

import threading

import pytest
from flask import Flask

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from gitlab_links.extensions import db
from gitlab_links.integrations.changes import find_integration
from gitlab_links.outgoing.alerts import policy_of
from gitlab_links.rules.changes import find_rules
from gitlab_links.tasks.models import Task
from tests.factories import Factory
from tests.hanging import HANGS
from tests.pages.conftest import As
from tests.pages.markup import Markup, hidden, text_of

SIGNING_TOKEN = "whsec_" + "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY="


def test_the_second_to_save_sees_both_versions_and_decides(
    acting: As, factory: Factory, org: Org, base: str
) -> None:
    factory.task(org, number=1, title="Paper jams", description="Every day")
    first, second = acting(Role.MEMBER), acting(Role.MEMBER)
    path = f"{base}/tasks/ACME-1/edit"
    versions = [
        Markup.of(who.get(path)).one("input", name="version")["value"] for who in (first, second)
    ]
    theirs = {
        "title": "Paper jams on Mondays",
        "description": "Every day",
        "external_url": "",
        "assignee_id": "",
        "due_date": "",
    }
    mine = {
        "title": "Printer jams",
        "description": "Every day",
        "external_url": "",
        "assignee_id": "",
        "due_date": "",
    }
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


def test_only_a_field_that_both_changed_is_disputed_and_nothing_untouched_is_overwritten(
    app: Flask, acting: As, factory: Factory, org: Org, base: str
) -> None:
    # A description as the API stores it differs from what a form sends for it.
    task = factory.task(org, number=1, title="Paper jams", description=" Every day\r\n")
    first, second = acting(Role.MEMBER), acting(Role.MEMBER)
    path = f"{base}/tasks/ACME-1/edit"
    before = {
        "title": "Paper jams",
        "description": "Every day",
        "external_url": "",
        "assignee_id": "",
        "due_date": "",
        **hidden(second.get(path), "version"),
    }
    theirs = {**before, "description": "On Mondays", "due_date": "2027-01-15"}
    assert first.post(path, data=theirs).status_code == 302

    # The second person changes another field: both changes are saved.
    assert second.post(path, data={**before, "title": "Printer jams"}).status_code == 302
    page = text_of(second.get(f"{base}/tasks/ACME-1"))
    assert "meanwhile stays, too: description, due date." in page
    assert stored(app, task) == ("Printer jams", "On Mondays", "2027-01-15")

    # Now one of theirs, too: only that one is asked for, and the others are as they are now.
    shown = second.post(path, data={**before, "title": "Jams", "description": "Always"})
    assert shown.status_code == 412
    text = text_of(shown)
    assert "Description, theirs On Mondays Description, yours Always" in text
    assert "Due date, theirs" not in text
    markup = Markup.of(shown)
    assert markup.one("input", id="due_date")["value"] == "2027-01-15"
    shown_now = {**before, **hidden(shown, "version"), "due_date": "2027-01-15"}
    decided = {**shown_now, "title": "Jams", "description": "Always"}
    assert second.post(path, data=decided).status_code == 302
    assert stored(app, task) == ("Jams", "Always", "2027-01-15")


def test_saving_a_form_without_a_change_changes_nothing(
    app: Flask, acting: As, factory: Factory, org: Org, base: str
) -> None:
    task = factory.task(org, number=1, title="Paper jams", description=" Every day\r\n")
    visitor, path = acting(Role.MEMBER), f"{base}/tasks/ACME-1/edit"
    form = Markup.of(visitor.get(path))
    sent = {name: form.one("input", name=name)["value"] for name in ("title", "version")}
    sent |= {"description": "Every day", "external_url": "", "assignee_id": "", "due_date": ""}
    assert visitor.post(path, data=sent).status_code == 302
    with app.app_context():
        found = db.session.get_one(Task, task.id)
        assert (found.description, found.updated_at) == (" Every day\r\n", task.updated_at)


def test_what_was_typed_for_a_task_that_somebody_deleted_meanwhile_becomes_a_new_one(
    acting: As, factory: Factory, org: Org, base: str
) -> None:
    factory.task(org, number=1, title="Paper jams")
    first, second = acting(Role.MEMBER), acting(Role.MEMBER)
    path = f"{base}/tasks/ACME-1/edit"
    version = hidden(second.get(path), "version")
    first.post(f"{base}/tasks/ACME-1/delete")
    typed = {
        "title": "Printer jams",
        "description": "Every day,\nand <b>Mondays</b>",
        "external_url": "https://tracker.example/7",
        "assignee_id": "",
        "due_date": "2027-01-15",
    }
    nothing = second.post(path, data={**dict.fromkeys(typed, " "), **version})
    assert "This task was deleted" in text_of(nothing)
    shown = second.post(path, data={**typed, **version})
    assert shown.status_code == 404
    assert "Somebody deleted this task while you were editing it." in text_of(shown)
    markup = Markup.of(shown)
    assert markup.one("textarea", id="description").text.strip() == typed["description"]
    kept = {"description": typed["description"], "assignee_id": ""}
    kept |= {
        name: markup.one("input", id=name)["value"]
        for name in ("title", "external_url", "due_date")
    }
    assert kept == typed
    action = markup.one("form", class_="form-card")["action"]
    made = second.post(action, data={**kept, **hidden(shown, "once")})
    assert "Printer jams" in second.get(made.headers["Location"]).text


def stored(app: Flask, task: Task) -> tuple[str, str, str]:
    with app.app_context():
        found = db.session.get_one(Task, task.id)
        return found.title, found.description, str(found.due_date)


def test_a_change_of_status_is_no_conflict(
    acting: As, factory: Factory, org: Org, base: str
) -> None:
    factory.task(org, number=1, title="Paper jams")
    member = acting(Role.MEMBER)
    path = f"{base}/tasks/ACME-1"
    version = Markup.of(member.get(f"{path}/edit")).one("input", name="version")["value"]
    member.post(f"{path}/status", data={"status": "done", "seen": "open"})
    data = {
        "title": "Printer jams",
        "description": "",
        "external_url": "",
        "assignee_id": "",
        "due_date": "",
        "version": version,
    }
    assert member.post(f"{path}/edit", data=data).status_code == 302


def test_who_sets_a_status_sees_the_one_that_was_set_in_another_tab_meanwhile(
    acting: As, factory: Factory, org: Org, base: str
) -> None:
    factory.task(org, number=1, title="Paper jams")
    first, second = acting(Role.MEMBER), acting(Role.MEMBER)
    path = f"{base}/tasks/ACME-1"
    began = [hidden(who.get(path), "seen") for who in (first, second)]
    set_to = f"{path}/status"
    assert first.post(set_to, data={"status": "done", **began[0]}).status_code == 302
    assert second.post(set_to, data={"status": "done", **began[1]}).status_code == 302
    shown = second.post(set_to, data={"status": "in_progress", **began[1]})
    assert shown.status_code == 412
    assert "Status, theirs Done Status, yours In progress" in text_of(shown)
    assert 'data-task="Paper jams, Done"' in first.get(path).text
    decided = {"status": "in_progress", **hidden(shown, "seen")}
    assert second.post(set_to, data=decided).status_code == 302
    assert 'data-task="Paper jams, In progress"' in first.get(path).text


def test_who_decides_on_alerts_sees_what_another_admin_decided_meanwhile(
    app: Flask, acting: As, factory: Factory, org: Org, base: str
) -> None:
    factory.connect(org, base_url="https://gitlab.example.com", token="glpat-x")
    first, second = acting(Role.ADMIN), acting(Role.ADMIN)
    name, path = "policy_version", f"{base}/gitlab/policy"
    began = hidden(second.get(f"{base}/gitlab"), name)
    theirs = {"notify_url": "https://one.example.com/hook", "token_auto_rotate": "1"}
    mine = {"notify_url": "https://two.example.com/hook"}
    assert first.post(path, data={**theirs, **began}).status_code == 302
    shown = second.post(path, data={**mine, **began})
    assert shown.status_code == 412
    text = text_of(shown)
    assert "Send health alerts to, theirs one.example.com" in text
    assert "Rotate the token automatically, theirs" not in text
    markup = Markup.of(shown)
    # Only the other one touched it, and so it is as they left it.
    assert "checked" in markup.one("input", id="token-auto-rotate").attributes
    decided = {**mine, "token_auto_rotate": "1", **hidden(shown, name)}
    assert second.post(path, data=decided).status_code == 302
    assert kept_policy(app, org) == (True, "two.example.com")

    # Who leaves the address alone and unticks the box loses no address.
    stale = hidden(shown, name)
    assert first.post(path, data={"notify_url": "", **stale}).status_code == 302
    assert kept_policy(app, org) == (False, "two.example.com")


def kept_policy(app: Flask, org: Org) -> tuple[bool, str | None]:
    with app.app_context():
        policy = policy_of(org.id)
        return policy.token_auto_rotate, policy.notify_url_host


def test_who_changes_the_address_sees_the_one_another_admin_set_meanwhile(
    app: Flask, acting: As, factory: Factory, org: Org, base: str
) -> None:
    factory.connect(org, base_url="https://gitlab.example.com")
    first, second = acting(Role.ADMIN), acting(Role.ADMIN)
    name, path = "connection_version", f"{base}/gitlab"
    version = Markup.of(second.get(path)).one("input", name=name)["value"]
    for address in ("https://one.example.com", "https://two.example.com"):
        typed = {"base_url": address, "token": "", name: version}
        who = first if "one" in address else second
        answer = who.post(path, data=typed)
    assert answer.status_code == 412
    assert "Base URL, theirs https://one.example.com" in text_of(answer)
    markup = Markup.of(answer)
    assert markup.one("input", name="base_url")["value"] == "https://two.example.com"
    again = {**typed, name: markup.one("input", name=name)["value"]}
    assert second.post(path, data=again).status_code == 302
    with app.app_context():
        assert find_integration(org.id).base_url == "https://two.example.com"  # type: ignore[union-attr]


def test_of_admins_who_connect_the_org_at_the_same_instant_one_wins_and_the_others_are_asked(
    app: Flask, acting: As, org: Org, base: str
) -> None:
    together, answers = threading.Barrier(4), {}
    name, path = "connection_version", f"{base}/gitlab"
    admins = [acting(Role.ADMIN) for _ in range(4)]
    began = [hidden(admin.get(path), name) for admin in admins]

    def connect(number: int) -> None:
        typed = {"base_url": f"https://gitlab-{number}.example.com", "token": "", **began[number]}
        together.wait()
        answers[number] = admins[number].post(path, data=typed)

    threads = [threading.Thread(target=connect, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANGS)
    (winner,) = (number for number, answer in answers.items() if answer.status_code == 302)
    address = f"https://gitlab-{winner}.example.com"
    for number in set(answers) - {winner}:
        assert answers[number].status_code == 412
        assert f"Base URL, theirs {address}" in text_of(answers[number])
    with app.app_context():
        assert find_integration(org.id).base_url == address  # type: ignore[union-attr]


@pytest.mark.parametrize("what", ["webhook-secret", "signing-token", "disconnect"])
def test_a_secret_that_was_just_made_is_replaced_by_nobody_in_silence(
    acting: As, factory: Factory, org: Org, base: str, what: str
) -> None:
    factory.integration(org)
    first, second = acting(Role.ADMIN), acting(Role.ADMIN)
    path, name = f"{base}/gitlab", "secrets_version"
    name = "settings_version" if what == "disconnect" else name
    data = {"signing_token": SIGNING_TOKEN, **hidden(second.get(path), name)}
    first.post(f"{path}/webhook-secret", data=hidden(first.get(path), "secrets_version"))
    first.get(path)  # where it is shown, this once
    shown = second.post(f"{path}/{what}", data=data)
    assert shown.status_code == 412
    assert "Somebody else changed the" in text_of(shown)
    assert second.post(f"{path}/{what}", data={**data, **hidden(shown, name)}).status_code == 302


def test_who_sets_a_role_sees_the_one_another_admin_set_meanwhile(
    acting: As, factory: Factory, org: Org, base: str
) -> None:
    first, second = acting(Role.ADMIN), acting(Role.ADMIN)
    member = factory.membership(org, Role.MEMBER)
    path = f"{base}/members/{member.id}/role"
    assert first.post(path, data={"role": "pm", "seen": "member"}).status_code == 302
    shown = second.post(path, data={"role": "client", "seen": "member"})
    assert shown.status_code == 412
    assert "Role, theirs Project manager Role, yours Client" in text_of(shown)
    assert "Project manager" in first.get(f"{base}/members").text
    assert second.post(path, data={"role": "client", "seen": "pm"}).status_code == 302


def test_two_who_change_the_status_rules_keep_what_the_other_changed(
    app: Flask, acting: As, org: Org, base: str
) -> None:
    first, second = acting(Role.ADMIN), acting(Role.ADMIN)
    path = f"{base}/status-rules"
    form = Markup.of(second.get(path))
    texts = ("branches", "wait_seconds", "version")
    before = {name: form.one("input", name=name)["value"] for name in texts}
    before |= {
        name: "1"
        for name in ("started", "all_merged", "reopened")
        if "checked" in form.one("input", id=name).attributes
    }
    assert first.post(path, data={**before, "branches": "stable"}).status_code == 302

    saved = second.post(path, data={**before, "wait_seconds": "60"}, follow_redirects=True)
    assert "meanwhile stays, too: branches. No task changes by this alone." in text_of(saved)
    assert rules_of(app, org) == (["stable"], 60)

    mine = {**before, "branches": "release/*", "wait_seconds": "60"}
    shown = second.post(path, data=mine)
    assert shown.status_code == 412
    text = text_of(shown)
    assert "Somebody else changed this while you were editing it" in text
    assert "Branches, theirs stable Branches, yours release/*" in text
    assert "Seconds without news, theirs" not in text
    decided = {**mine, **hidden(shown, "version")}
    assert second.post(path, data=decided).status_code == 302
    assert rules_of(app, org) == (["release/*"], 60)


def rules_of(app: Flask, org: Org) -> tuple[list[str], int]:
    with app.app_context():
        rules = find_rules(org.id)
        assert rules is not None
        return rules.branches, rules.wait_seconds
