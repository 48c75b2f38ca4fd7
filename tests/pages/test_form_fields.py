"""Every form of a page: a field that did not come is refused, and changes nothing."""

import uuid

import pytest
from flask import Flask

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from gitlab_links.extensions import db
from gitlab_links.integrations.changes import find_integration
from gitlab_links.tasks.models import Task
from tests.factories import Factory
from tests.pages.conftest import As
from tests.pages.markup import text_of

FORMS = {
    "log_in": {"email": "a@example.com", "password": "x"},
    "account_password": {"current": "x", "password": "y", "again": "y"},
    "new_task": {
        "title": "T",
        "description": "",
        "external_url": "",
        "assignee_id": "",
        "due_date": "",
    },
    "edit_task": {
        "title": "T",
        "description": "",
        "external_url": "",
        "assignee_id": "",
        "due_date": "",
        "version": "x",
    },
    "set_task_status": {"status": "done"},
    "attach_link": {"url": "https://gitlab.example.com/a/b/-/issues/1"},
    "configure_integration": {
        "base_url": "https://gitlab.example.org",
        "token": "glpat-y",
        "connection_version": "x",
    },
    "set_signing_token": {"signing_token": "whsec_x", "secrets_version": "x"},
    "make_webhook_secret": {"secrets_version": "x"},
    "disconnect": {"settings_version": "x"},
    "set_policy": {"notify_url": "", "policy_version": "x"},
    "invite_member": {"email": "a@example.com", "name": "A", "role": "member"},
    "set_member_role": {"role": "member", "seen": "member"},
    "make_key": {"name": "K", "expires": "90", "scopes": "read"},
}


@pytest.mark.parametrize(
    ("form", "field"), [(form, field) for form, fields in FORMS.items() for field in fields]
)
def test_a_missing_field_is_refused(
    app: Flask, acting: As, factory: Factory, org: Org, form: str, field: str
) -> None:
    factory.connect(org, base_url="https://gitlab.example.com", token="glpat-x")
    task = factory.task(org, number=5, title="Before", description="Kept")
    admin = acting(Role.ADMIN)
    member = factory.membership(org)
    values = {"org_id": org.id, "reference": "ACME-5", "member_id": member.id}
    with app.test_request_context():
        rule = next(rule for rule in app.url_map.iter_rules() if rule.endpoint == f"pages.{form}")
        path = app.url_for(
            f"pages.{form}", **{name: values[name] for name in rule.arguments}, _external=False
        )
    sent = {name: value for name, value in FORMS[form].items() if name != field}

    answer = admin.post(path, data=sent)

    assert answer.status_code == 422
    with app.app_context():
        assert find_integration(org.id).base_url == "https://gitlab.example.com"  # type: ignore[union-attr]
        kept = db.session.get_one(Task, task.id)
        assert (kept.title, kept.description, kept.status) == ("Before", "Kept", "open")


def test_the_page_names_the_field_that_is_missing(acting: As, org: Org) -> None:
    answer = acting(Role.ADMIN).post(
        f"/orgs/{org.id}/gitlab", data={"token": "", "connection_version": ""}
    )
    assert answer.status_code == 422
    assert "The form has no base_url. Nothing was changed" in text_of(answer)


def test_a_missing_field_of_what_is_not_there_is_still_not_there(acting: As, org: Org) -> None:
    path = f"/orgs/{org.id}/members/{uuid.uuid4()}/role"
    assert acting(Role.ADMIN).post(path, data={"role": "member", "seen": "pm"}).status_code == 404
