"""Tasks."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from gitlab_links.api.cursors import Cursors
from gitlab_links.api.schemas.common import Answer, Strict, described, envelope, page_of
from gitlab_links.api.schemas.fields import (
    LINE,
    TEXT,
    Cursor,
    Matches,
    Moment,
    Sought,
    Time,
    choice,
    limit,
    sought,
    sought_person,
    text,
)
from gitlab_links.finding.list_query import ASSIGNEE, LinkStateFilter
from gitlab_links.gitlab.items import ItemType
from gitlab_links.rollup.needs import Need
from gitlab_links.rules.wanted import Rule
from gitlab_links.tasks.descriptions import MAX_DESCRIPTION, description_problem
from gitlab_links.tasks.models import TaskStatus
from gitlab_links.tasks.orders import TaskSort
from gitlab_links.tasks.titles import MAX_TITLE, TITLE, title_problem
from gitlab_links.tasks.web_urls import MAX_LENGTH, MESSAGE, PATTERN

BY_ORDER = Cursors(
    {"created_at": None, "updated_at": datetime, "title": str, "due": str}, one_way={"due"}
)


def _count(text: str) -> fields.Integer:
    return fields.Integer(metadata=described(text, 1, minimum=0))


class RollUpSchema(Answer):
    """A task's links in numbers, as far as the caller may see them."""

    merge_requests = _count("Merge requests that are not closed unmerged.")
    merged = _count("Those of them that are merged.")
    open_issues = _count("Issues that are open.")
    overdue = _count("Open items past their due date, and the task itself.")
    failing = _count("Open merge requests whose pipeline failed.")
    conflicts = _count("Open merge requests with conflicts.")
    changes_requested = _count("Open merge requests whose reviewers want changes.")
    waiting_for_review = _count("Open merge requests that wait for approval or a review.")
    ready = _count("Open merge requests that can be merged.")
    approved = _count("Open merge requests that are approved and wait for no other review.")
    draft = _count("Open drafts.")
    needs = fields.List(
        choice(Need), metadata=described("Why the task may need somebody, most urgent first.")
    )


class TaskSchema(Answer):
    """A task."""

    id = fields.UUID()
    reference = fields.String(metadata={"example": "ACME-12"})
    title = fields.String(metadata={"example": "Ship the release"})
    description = fields.String()
    status = choice(TaskStatus)
    external_url = fields.String(allow_none=True)
    assignee_id = fields.UUID(
        allow_none=True, metadata=described("The user who works on it; null for nobody.")
    )
    assignee = fields.String(
        allow_none=True, metadata=described("The name of the assignee.", "Ana Ox")
    )
    due_date = fields.Date(allow_none=True)
    created_by = fields.UUID(allow_none=True, metadata=described("Null once the user is deleted."))
    created_at = Time()
    updated_at = Time()
    status_rule = choice(
        Rule,
        allow_none=True,
        metadata=described("The rule that set the status; null if a person did."),
    )
    branch_name = fields.String(
        metadata=described(
            "What to call its branch, by the org's template: GitLab links a branch of this name.",
            "acme-12-ship-the-release",
        )
    )
    roll_up = fields.Nested(
        RollUpSchema,
        allow_none=True,
        metadata=described("Null for callers who may not see links."),
    )


TaskEnvelope = envelope("TaskEnvelope", task=TaskSchema)
TasksEnvelope = page_of("TasksEnvelope", tasks=TaskSchema)


def _of_an_item(text_: str, example: str) -> Sought:
    """One linked item has all of these that are given."""
    return sought(metadata=described(text_, example))


class TasksQuery(Strict):
    """Which tasks to list."""

    status = choice(TaskStatus, load_default=None)
    q = sought(
        metadata=described(
            "The beginnings of words in title, description and external URL, or in the title of "
            "a linked item; a reference (`ACME-12`, `group/app!5`, `app!5`, `!5`), or the address "
            "of a linked item. Words of one or two letters are found as whole words only.",
            "release",
        ),
    )
    need = choice(
        Need, load_default=None, metadata=described("Why it needs somebody; see `roll_up`.")
    )
    assignee_id = fields.UUID(load_default=None)
    assignee = text(
        2,
        36,
        ASSIGNEE,
        "Not `me`, `none` or the id of a user.",
        load_default=None,
        metadata=described("`me`, `none` for nobody, or a user's id as `assignee_id`.", "me"),
    )
    links = choice(
        LinkStateFilter,
        load_default=None,
        metadata=described(
            "What one of the task's links is; `none` for tasks without links, with `type` of it."
        ),
    )
    type = choice(ItemType, load_default=None, metadata=described("The type of that link."))
    external_url = text(
        0,
        MAX_LENGTH,
        LINE,
        load_default=None,
        metadata=described(
            "The task's own external URL, exactly as it was given.",
            "https://tracker.example.com/4711",
        ),
    )
    updated_since = Moment(
        load_default=None,
        metadata=described("Changed itself, or in its set of links, at this time or later."),
    )
    person = sought_person(
        "The GitLab username of who is assigned to a linked item, reviews or wrote it."
    )
    label = _of_an_item("A label of a linked item.", "bug")
    milestone = _of_an_item("The milestone of a linked item.", "1.0")
    project = _of_an_item("The path of the project of a linked item.", "acme/app")
    sort = choice(
        TaskSort,
        load_default=TaskSort.CREATED_DESC,
        metadata=described(
            "A minus reverses the order. Titles are compared without case; `due` is what is due "
            "first, and at last what has no date. A cursor has its own order, and "
            "another is refused."
        ),
    )
    limit = limit()
    cursor = Cursor(BY_ORDER)

    @validates_schema
    def _one_assignee(self, data: dict[str, Any], **_: Any) -> None:
        """By one of the two names."""
        if data["assignee_id"] is not None and data["assignee"] is not None:
            raise ValidationError({"assignee": ["Send either assignee or assignee_id."]})


def _description() -> fields.String:
    checks = [validate.Length(0, MAX_DESCRIPTION), _Without(description_problem, TEXT)]
    return fields.String(
        validate=checks, metadata={"example": "Everything in the milestone, tagged."}
    )


def _external_url() -> fields.String:
    return text(
        0,
        MAX_LENGTH,
        PATTERN,
        MESSAGE,
        allow_none=True,
        metadata=described("Null for none.", "https://tracker.example.com/4711"),
    )


def _assignee_id() -> fields.UUID:
    return fields.UUID(
        allow_none=True,
        metadata=described("A user who works on tasks in this org; null for nobody."),
    )


class _Without(Matches):
    """Nothing that ``problem_of`` finds; the pattern is what the contract can say of it."""

    def __init__(self, problem_of: Callable[[str], str | None], pattern: str) -> None:
        super().__init__(pattern)
        self.problem_of = problem_of

    def __call__(self, value: Any) -> Any:
        """The text, or ValidationError with what is wrong."""
        problem = self.problem_of(value)
        if problem is not None:
            raise ValidationError(problem)
        return value


def _title(**options: Any) -> fields.String:
    checks = [validate.Length(1, MAX_TITLE), _Without(title_problem, TITLE)]
    return fields.String(validate=checks, metadata={"example": "Ship the release"}, **options)


class NewTask(Strict):
    """The task to create."""

    title = _title(required=True)
    description = _description()
    status = choice(TaskStatus, metadata=described("`open` when left out."))
    external_url = _external_url()
    assignee_id = _assignee_id()
    due_date = fields.Date(allow_none=True)


class TaskChange(Strict):
    """What to change of a task; a field that is left out stays as it is."""

    title = _title()
    description = _description()
    status = choice(TaskStatus)
    external_url = _external_url()
    assignee_id = _assignee_id()
    due_date = fields.Date(allow_none=True)
