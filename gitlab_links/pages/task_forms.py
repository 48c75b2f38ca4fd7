"""Creating, changing and deleting tasks."""

import re
import uuid
from hashlib import sha256
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField, TextAreaField, URLField
from wtforms.validators import InputRequired, Length, Optional, ValidationError

from gitlab_links.accounts.roles import Permission
from gitlab_links.errors import NotFound
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.links.task_removal import remove_task
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.form_fields import sent
from gitlab_links.pages.settings_versions import Both
from gitlab_links.pages.task_page import task_page
from gitlab_links.pages.unsent_forms import typed_before
from gitlab_links.tasks.models import TaskStatus
from gitlab_links.tasks.operations import create_task, lock_task, update_task
from gitlab_links.tasks.queries import task_at
from gitlab_links.tasks.summaries import TaskView
from gitlab_links.tasks.web_urls import MESSAGE, is_web_url

FIELDS = ("title", "description", "external_url")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def _cleaned(text: str | None) -> str:
    return _CONTROL.sub("", (text or "").replace("\r\n", "\n")).strip()


def _web_address(_form: object, field: Any) -> None:
    if not is_web_url(field.data):
        raise ValidationError(MESSAGE)


class TaskForm(FlaskForm):  # type: ignore[misc]
    """The fields of a task. The guard has checked the CSRF token."""

    class Meta:
        csrf = False

    title = StringField(
        "Title",
        filters=[_cleaned],
        validators=[
            InputRequired("Enter a title."),
            Length(min=1, max=255, message="Enter a title of at most 255 characters."),
        ],
        render_kw={"maxlength": 255, "autocomplete": "off"},
    )
    description = TextAreaField(
        "Description",
        filters=[_cleaned],
        validators=[Optional(), Length(max=20_000, message="Use at most 20,000 characters.")],
        render_kw={"rows": 6},
    )
    external_url = URLField(
        "External URL",
        filters=[_cleaned],
        validators=[
            Optional(),
            Length(max=500, message="Use at most 500 characters."),
            _web_address,
        ],
        render_kw={"autocomplete": "off"},
    )

    version = HiddenField()

    def values(self) -> dict[str, Any]:
        """The values to store."""
        return {
            "title": self.title.data,
            "description": self.description.data,
            "external_url": self.external_url.data or None,
        }


class _Editing:
    """A task's editable fields, and a hash of them as their version."""

    def __init__(self, task: TaskView) -> None:
        self.title = task.title
        self.description = task.description
        self.external_url = task.external_url
        facts = repr((self.title, self.description, self.external_url))
        self.version = sha256(facts.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@pages.route("/orgs/<uuid:org_id>/tasks/new", methods=["GET", "POST"])
@access(Permission.TASK_WRITE)
def new_task(org_id: uuid.UUID) -> ResponseReturnValue:
    """The form for a new task; saving opens the task."""
    if request.method == "GET":
        return _form_page(org_id, TaskForm(formdata=typed_before()), None)
    form = TaskForm()
    sent(*FIELDS)
    if not form.validate():
        return _form_page(org_id, form, None), 422
    task = create_task(current_principal(), **form.values())
    flash(f"Created {task.reference}.", "success")
    return redirect(url_for("pages.show_task", org_id=org_id, reference=task.reference))


@pages.route("/orgs/<uuid:org_id>/tasks/<reference>/edit", methods=["GET", "POST"])
@access(Permission.TASK_WRITE)
def edit_task(org_id: uuid.UUID, reference: str) -> ResponseReturnValue:
    """Change title, description and external URL.

    If somebody else changed them meanwhile, nothing is saved and both are shown.
    """
    task = task_at(org_id, reference)
    if request.method == "GET":
        return _form_page(org_id, TaskForm(formdata=typed_before(), obj=_Editing(task)), task)
    sent(*FIELDS, "version")
    form = TaskForm()
    if not form.validate():
        return _form_page(org_id, form, task), 422
    lock_task(task.id)
    present = _Editing(task_at(org_id, reference))
    if form.version.data != present.version:
        form.version.data = present.version
        return _form_page(org_id, form, task, stored=_both(form, present)), 412
    update_task(current_principal(), task.id, form.values())
    flash("Saved.", "success")
    return redirect(url_for("pages.show_task", org_id=org_id, reference=task.reference))


@pages.post("/orgs/<uuid:org_id>/tasks/<reference>/status")
@access(Permission.TASK_WRITE)
def set_task_status(org_id: uuid.UUID, reference: str) -> ResponseReturnValue:
    """Set the status; if somebody else changed it meanwhile, show both first."""
    task = task_at(org_id, reference)
    try:
        status, seen = map(TaskStatus, sent("status", "seen"))
    except ValueError:
        raise NotFound from None
    lock_task(task.id)
    task = task_at(org_id, reference)
    if task.status not in (seen, status):
        return task_page(current_principal(), task, 1, chosen=status), 412
    update_task(current_principal(), task.id, {"status": status.value})
    return redirect(url_for("pages.show_task", org_id=org_id, reference=task.reference))


@pages.post("/orgs/<uuid:org_id>/tasks/<reference>/delete")
@access(Permission.TASK_WRITE)
def delete_task(org_id: uuid.UUID, reference: str) -> ResponseReturnValue:
    """Delete the task and its links."""
    task = task_at(org_id, reference)
    remove_task(current_principal(), task.id)
    flash(f"Deleted {task.reference}.", "success")
    return redirect(url_for("pages.task_list", org_id=org_id))


def _both(form: TaskForm, stored: _Editing) -> list[Both]:
    """The stored and the typed values, where they differ."""
    parts = [(form[name], getattr(stored, name) or "") for name in FIELDS]
    return [
        (part.label.text, theirs, part.data or "")
        for part, theirs in parts
        if theirs != (part.data or "")
    ]


def _form_page(
    org_id: uuid.UUID, form: TaskForm, task: TaskView | None, stored: list[Both] | None = None
) -> str:
    return render_template("tasks/form.html", org_id=org_id, form=form, task=task, stored=stored)
