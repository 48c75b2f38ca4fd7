"""Status rules, their dry run, and the explanation of a task's status."""

from marshmallow import fields, validate

from gitlab_links.api.schemas.common import Answer, Page, Strict, described, page_of
from gitlab_links.api.schemas.fields import Time, WholeNumber, choice, sought, text
from gitlab_links.rule_states.models import LONGEST_WAIT_SECONDS, RulesMode
from gitlab_links.rules.changes import BRANCH, LONGEST_BRANCH, MOST_BRANCHES
from gitlab_links.rules.dry_run import Outcome
from gitlab_links.rules.wanted import LinkMeaning, Rule, Wanted
from gitlab_links.tasks.models import TaskStatus

_STARTED = "An open merge request that is no draft makes an open task *in progress*."
_ALL_MERGED = "Everything settled and one merged makes a task *done*."
_REOPENED = "An open merge request takes back a *done* that a rule set."
_BRANCHES = (
    "Patterns of branches that a merge may go to, besides the project's default branch. "
    "`*` stands for any text; `*` alone allows every branch."
)


class RulesSchema(Answer):
    """The status rules of an org."""

    mode = choice(
        RulesMode,
        metadata=described(
            "`trial`: what they want is computed, and no task is changed. `stopped`: they "
            "changed too many tasks in a minute, and go on as a trial."
        ),
    )
    started = fields.Boolean(metadata=described(_STARTED))
    all_merged = fields.Boolean(metadata=described(_ALL_MERGED))
    reopened = fields.Boolean(metadata=described(_REOPENED))
    branches = fields.List(fields.String(), metadata=described(_BRANCHES, ["release/*"]))
    count_mentions = fields.Boolean(metadata=described("Bare mentions count too."))
    count_issues = fields.Boolean(metadata=described("Issues count too."))
    count_forks = fields.Boolean(
        metadata=described("Merge requests from forks that nobody here linked count unmerged.")
    )
    wait_seconds = fields.Integer(
        metadata=described("For so long nothing new may come before a task is *done*.")
    )
    dry_run_complete = fields.Boolean(
        metadata=described("Whether every task was looked at by the rules as they are now.")
    )
    stopped_at = Time(allow_none=True)


class RulesEnvelope(Answer):
    """The status rules."""

    rules = fields.Nested(RulesSchema)


class RulesChangeSchema(Strict):
    """What to change; a field that is left out stays as it is."""

    started = fields.Boolean(metadata=described(_STARTED))
    all_merged = fields.Boolean(metadata=described(_ALL_MERGED))
    reopened = fields.Boolean(metadata=described(_REOPENED))
    branches = fields.List(
        text(1, LONGEST_BRANCH, BRANCH, "This is no pattern of a branch. Example: release/*"),
        validate=validate.Length(max=MOST_BRANCHES),
        metadata=described(_BRANCHES, ["release/*"]),
    )
    count_mentions = fields.Boolean()
    count_issues = fields.Boolean()
    count_forks = fields.Boolean()
    wait_seconds = WholeNumber(validate=validate.Range(0, LONGEST_WAIT_SECONDS))


class ExplainedLinkSchema(Answer):
    """What one link says."""

    item_id = fields.UUID()
    reference = fields.String(metadata={"example": "acme/app!12"})
    says = choice(
        LinkMeaning,
        allow_none=True,
        metadata=described("Null if the caller may not see the item."),
    )
    counts = fields.Boolean(allow_none=True)
    merged_at = Time(allow_none=True)
    merged_by = fields.String(allow_none=True, metadata={"example": "Ann"})


class ExplanationSchema(Answer):
    """What the rules say of one task."""

    mode = choice(RulesMode)
    wanted = choice(
        Wanted,
        allow_none=True,
        metadata=described("Null if it depends on an item that the caller may not see."),
    )
    would = choice(
        Rule,
        allow_none=True,
        metadata=described("The rule that leads from the present status to what is wanted."),
    )
    links = fields.List(fields.Nested(ExplainedLinkSchema))
    rule = choice(
        Rule,
        allow_none=True,
        metadata=described("The rule that set the status; null for a person."),
    )
    changed_at = Time(allow_none=True)
    former_status = choice(
        TaskStatus, allow_none=True, metadata=described("What *undo* sets; null if there is none.")
    )
    reasons = fields.List(
        fields.Nested(ExplainedLinkSchema),
        metadata=described("What the links said when the rule set the status."),
    )
    pinned_at = Time(allow_none=True, metadata=described("Since when no rule changes the task."))


class ExplanationEnvelope(Answer):
    """The explanation."""

    explanation = fields.Nested(ExplanationSchema)


class DryRunTaskSchema(Answer):
    """A task, and what the rules would do with it."""

    id = fields.UUID()
    reference = fields.String(metadata={"example": "ACME-12"})
    title = fields.String()
    status = choice(TaskStatus)
    outcome = choice(
        Outcome,
        metadata=described(
            "What its links call for where the status is another; switching on changes no task."
        ),
    )
    explanation = fields.Nested(ExplanationSchema)


class DryRunQuery(Page):
    """Which tasks to list."""

    outcome = choice(Outcome, load_default=None)
    q = sought(
        metadata=described("Searches title, description and reference.", "release"),
    )


_DryRunPage = page_of("DryRunPage", tasks=DryRunTaskSchema)


class DryRunEnvelope(_DryRunPage):  # type: ignore[misc,valid-type]
    """A page of the dry run, and how many tasks have each outcome."""

    counts = fields.Dict(keys=choice(Outcome), values=fields.Integer())
