"""The page of the status rules, and what a task says of them."""

import pytest

from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemType
from gitlab_links.jobs.rule_slices import rules_slice
from gitlab_links.links.models import GitLabItem
from gitlab_links.rules.batch import MOST_A_MINUTE
from gitlab_links.rules.changes import find_rules
from gitlab_links.rules.marking import ItemMarks
from tests.pages.markup import Markup, hidden, text_of, words

# Those that rules keep back, if they would change one more than they may and the first as well.
LAST_TASKS = (100 + MOST_A_MINUTE - 1, 100 + MOST_A_MINUTE)
PART = {"X-Fragment": "rules"}
SAVED = {"branches": "release/* stable", "wait_seconds": "0", "started": "1", "all_merged": "1"}


@pytest.fixture
def rules(base):
    return f"{base}/status-rules"


@pytest.fixture
def item(factory, org):
    factory.integration(org, token_ciphertext="something")
    project = factory.gitlab_project(org, path="acme/web", default_branch="main")
    kind = ItemType.MERGE_REQUEST.value
    return factory.gitlab_item(project, type=kind, iid=7, state="opened", target_branch="main")


@pytest.fixture
def task(factory, org, item):
    task = factory.task(org, number=12, title="Ship it")
    factory.link(task, item)
    return task


def apply(app, org):
    with app.app_context():
        rules_slice(org.id)


def change(app, item, **values):
    """As a webhook or a fetch does."""
    with app.app_context():
        row = db.session.get_one(GitLabItem, item.id)
        marks = ItemMarks([row])
        for name, value in values.items():
            setattr(row, name, value)
        marks.write(row.org_id, utcnow())
        db.session.commit()


def polled(visitor, path):
    """The ETag by which an open page of a task learns that something else is shown."""
    return visitor.get(f"{path}/links", headers={"X-Fragment": "links"}).headers["ETag"]


def save(admin, rules, **changes):
    """Save the form as it was loaded just now."""
    sent = {**SAVED, **hidden(admin.get(rules), "version"), **changes}
    return admin.post(rules, data=sent, follow_redirects=True)


def switch_on(app, org, admin, rules):
    admin.post(f"{rules}/dry-run")
    apply(app, org)
    admin.post(f"{rules}/switch-on")


def test_an_admin_tries_the_rules_and_switches_them_on(app, org, task, acting, rules):
    admin = acting(Role.ADMIN)
    assert "The rules are off" in text_of(admin.get(rules))
    page = text_of(admin.post(f"{rules}/dry-run", follow_redirects=True))
    assert "0 of 1 task looked at so far" in page
    assert "has not looked at every task" in text_of(
        admin.post(f"{rules}/switch-on", follow_redirects=True)
    )
    part = {"X-Fragment": "rules", "If-None-Match": admin.get(rules, headers=PART).headers["ETag"]}
    assert admin.get(rules, headers=part).status_code == 304
    apply(app, org)
    followed = Markup.of(admin.get(rules, headers=part))
    assert "wait_seconds" not in {one.get("name") for one in followed.elements}
    assert "Links call for in progress (1)" in words(followed.one("section", id="rules-tasks").text)
    page = text_of(admin.get(rules))
    assert "They have looked at every task (1) and changed none" in page
    assert "1 has another status than its links call for. Switching on leaves it so" in page
    assert "acme/web!7 open" in page
    assert "Nothing is linked" not in page
    for nothing in ("outcome=done", "q=nothing-like-it", "q=ACME-13"):
        assert "No task matches" in text_of(admin.get(f"{rules}?{nothing}"))
    assert "No task matches" not in text_of(admin.get(f"{rules}?outcome=starts&q=acme-12"))
    page = text_of(admin.post(f"{rules}/switch-on", follow_redirects=True))
    assert "The rules are on" in page
    page = text_of(admin.post(f"{rules}/switch-off", follow_redirects=True))
    assert "The rules are off. Every task keeps its status." in page


def test_what_is_chosen_is_saved(app, org, acting, rules):
    admin = acting(Role.ADMIN)
    page = Markup.of(save(admin, rules))
    assert page.one("input", id="branches")["value"] == "release/* stable"
    assert "checked" not in page.one("input", id="reopened").attributes
    with app.app_context():
        saved = find_rules(org.id)
        assert saved is not None
        assert (saved.branches, saved.reopened, saved.wait_seconds) == (
            ["release/*", "stable"],
            False,
            0,
        )


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("wait_seconds", "soon", "Enter the seconds as a whole number."),
        ("wait_seconds", "\u0663\u0660", "Enter the seconds as a whole number."),
        ("wait_seconds", "4000", "Choose from 0 to 3600 seconds."),
        ("branches", "x" * 256, "no name or pattern of a branch"),
    ],
)
def test_an_error_is_shown_at_its_field(acting, rules, field, typed, words):
    answer = save(acting(Role.ADMIN), rules, **{field: typed})
    assert answer.status_code == 422
    page = Markup.of(answer)
    assert words in page.one("div", id=f"{field}-error").text
    assert page.one("input", id=field)["value"] == typed


def test_a_project_manager_reads_and_changes_nothing(acting, rules):
    manager = acting(Role.PM)
    page = Markup.of(manager.get(rules))
    assert "disabled" in page.one("input", id="started").attributes
    assert "An admin of this org can change the rules." in text_of(manager.get(rules))
    assert "An admin of this org can try them" in text_of(manager.get(rules))
    assert "Try them first" not in text_of(manager.get(rules))
    for act in ("", "/dry-run", "/switch-on", "/apply-held", "/switch-off"):
        assert manager.post(rules + act, data=SAVED).status_code == 403
    assert acting(Role.MEMBER).get(rules).status_code == 403


def test_an_admin_applies_what_the_rules_kept_back(
    app, org, item, task, factory, acting, base, rules
):
    for number in range(MOST_A_MINUTE + 1):
        factory.link(factory.task(org, number=100 + number), item)
    admin = acting(Role.ADMIN)
    change(app, item, state="closed")
    switch_on(app, org, admin, rules)
    change(app, item, state="opened")
    shown = {number: polled(admin, f"{base}/tasks/ACME-{number}") for number in LAST_TASKS}
    apply(app, org)
    page = Markup.of(admin.get(rules))
    assert "They have kept back 2 changes" in text_of(admin.get(rules))
    assert page.one("form", action=f"{rules}/apply-held")
    assert "Apply" not in text_of(acting(Role.PM).get(rules))
    held = Markup.of(admin.get(f"{rules}?outcome=held")).all("a", class_="rule-task")[0]["href"]
    assert polled(admin, held) != shown[int(held.rpartition("-")[2])]
    for role, advice in (
        (Role.ADMIN, "Apply what they keep back, or leave it"),
        (Role.PM, "An admin can apply it. Show what they keep back"),
        (Role.MEMBER, "or you can set the status by hand"),
    ):
        page = text_of(acting(role).get(held))
        assert "keep this task from becoming in progress" in page
        assert advice in page
    listed = text_of(admin.get(f"{rules}?outcome=held"))
    assert "Kept back (2)" in listed
    page = text_of(admin.post(f"{rules}/apply-held", follow_redirects=True))
    assert "make the changes that they kept back" in page
    assert "2 changes that they kept back are being made" in page
    apply(app, org)
    page = text_of(admin.get(rules))
    assert "The rules are on" in page
    assert "keep this task from" not in text_of(admin.get(held))
    assert "kept back" not in page.replace("Kept back (0)", "")
    page = text_of(admin.post(f"{rules}/apply-held", follow_redirects=True))
    assert "The rules have not stopped" in page


def test_a_task_says_which_rule_set_it_and_is_undone(app, org, item, task, acting, base, rules):
    admin, member = acting(Role.ADMIN), acting()
    path = f"{base}/tasks/ACME-12"
    assert "rule" not in text_of(member.get(path)).lower()
    switch_on(app, org, admin, rules)
    save(admin, rules)
    apply(app, org)
    assert "Set by hand, and the links call for in progress" in text_of(member.get(path))
    merger = {"username": "ann", "name": "Ann"}
    change(app, item, state="merged", merged_at=utcnow(), merged_by=merger)
    apply(app, org)
    page = text_of(member.get(path))
    assert "Set by the rule all merged" in page
    assert "acme/web!7 merged by Ann" in page
    assert "Undo: back to open" in page
    page = text_of(member.post(f"{path}/undo-rule", follow_redirects=True))
    assert "Set by hand, and the links call for done" in page
    page = text_of(member.post(f"{path}/undo-rule", follow_redirects=True))
    assert "No rule set the status that this task has now." in page


def test_a_task_is_pinned_and_unpinned(app, org, task, acting, base, rules):
    switch_on(app, org, acting(Role.ADMIN), rules)
    member, path = acting(), f"{base}/tasks/ACME-12"
    page = text_of(member.post(f"{path}/pin", follow_redirects=True))
    assert "Pinned: no rule changes this status" in page
    page = text_of(member.post(f"{path}/unpin", follow_redirects=True))
    assert "Pin this status" in page
    assert acting(Role.CLIENT).post(f"{path}/pin").status_code == 403
    assert "Status rules" not in text_of(acting(Role.CLIENT).get(path))


def test_the_dry_run_comes_as_a_file_with_the_filters_of_the_page(app, org, acting, rules, task):
    admin = acting(Role.ADMIN)
    admin.post(f"{rules}/dry-run")
    apply(app, org)
    file = admin.get(f"{rules}.csv?outcome=starts&q=ship").get_data().decode("utf-8-sig")
    header, row = file.splitlines()
    assert header == "reference,title,status,outcome,why,links,id"
    assert row.startswith("ACME-12,Ship it,open,starts,The links call for in progress")
    assert "acme/web!7: open" in row
    assert len(admin.get(f"{rules}.csv?outcome=done").text.splitlines()) == 1
