"""The status rules of an org: what they do, their dry run, and switching them on and off."""

import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Permission
from gitlab_links.errors import Conflict, Invalid, PreconditionFailed
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.edits_at_once import Both, Merge, Values, merge, seen
from gitlab_links.pages.form_fields import parsed, pressed, sent, whole_number
from gitlab_links.pages.live_parts import Live, answer_part, away_words, is_part
from gitlab_links.pages.paging import part_behind
from gitlab_links.pages.rules.rule_words import OUTCOMES, calls_for, link_words
from gitlab_links.pages.tasks.task_list import STATUS_MARKS
from gitlab_links.pages.unapplied import typed_texts
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.rule_states.models import OrgRules, RulesMode
from gitlab_links.rules.batch import MOST_A_MINUTE
from gitlab_links.rules.changes import (
    RulesChange,
    apply_held,
    change_rules,
    lock_rules,
    switch_off,
    switch_on,
    try_rules,
)
from gitlab_links.rules.dry_run import Outcome, dry_run_page, outcome_counts
from gitlab_links.rules.summaries import RulesView, rules_view
from gitlab_links.sought_texts import sought

PATH = "/orgs/<uuid:org_id>/status-rules"
PART = "rules"
SWITCHES = ("started", "all_merged", "reopened")
COUNTED = ("count_mentions", "count_issues", "count_forks")
FIELDS = {
    "started": "In progress with an open merge request",
    "all_merged": "Done when all are merged",
    "reopened": "Back to in progress",
    "branches": "Branches",
    "count_mentions": "Merge requests that only mention the task",
    "count_issues": "Issues",
    "count_forks": "Merge requests from forks",
    "wait_seconds": "Seconds without news",
}
YES, NO = "yes", ""
NO_SECONDS = "Enter the seconds as a whole number."


@pages.get(PATH)
@access(Permission.RULES_READ)
def status_rules(org_id: uuid.UUID) -> ResponseReturnValue:
    """The rules as sentences, and what they would do with each task."""
    if is_part(PART):
        return answer_part("rules/live.html", _shown(org_id))
    return _page(org_id)


@pages.post(PATH)
@access(Permission.RULES_WRITE)
def save_status_rules(org_id: uuid.UUID) -> ResponseReturnValue:
    """Save what the rules do; if somebody else changed the same meanwhile, show both first."""
    typed, (version,) = _typed(), sent("version")
    lock_rules(org_id)
    stored = _stored(rules_view(org_id))
    both = merge(version, typed, stored)
    if both.disputed:
        conflicts = _disputed(both, stored)
        return _page(org_id, values=both.values, conflicts=conflicts), PreconditionFailed.status
    try:
        change_rules(current_principal(), _change(both))
    except Invalid as refusal:
        return _page(org_id, values=typed, version=version, errors=refusal.errors), refusal.status
    flash(f"{both.saved_words(FIELDS)} No task changes by this alone.", "success")
    return _back(org_id)


@pages.post(f"{PATH}/dry-run")
@access(Permission.RULES_WRITE)
def begin_dry_run(org_id: uuid.UUID) -> ResponseReturnValue:
    """Try the rules on every task; no task is changed."""
    return _switch(org_id, try_rules)


@pages.post(f"{PATH}/switch-on")
@access(Permission.RULES_WRITE)
def switch_rules_on(org_id: uuid.UUID) -> ResponseReturnValue:
    """Let the rules change tasks from now on."""
    return _switch(org_id, switch_on, "The rules are on. They change a task when its links do.")


@pages.post(f"{PATH}/apply-held")
@access(Permission.RULES_WRITE)
def apply_held_changes(org_id: uuid.UUID) -> ResponseReturnValue:
    """Make the changes that the rules kept back when they stopped."""
    done = "The rules are on, and make the changes that they kept back."
    return _switch(org_id, apply_held, done)


@pages.post(f"{PATH}/switch-off")
@access(Permission.RULES_WRITE)
def switch_rules_off(org_id: uuid.UUID) -> ResponseReturnValue:
    """Stop the rules, or end the dry run."""
    return _switch(org_id, switch_off, "The rules are off. Every task keeps its status.")


def _switch(
    org_id: uuid.UUID, change: Callable[[Principal], OrgRules], done: str = ""
) -> ResponseReturnValue:
    try:
        change(current_principal())
    except Conflict as refusal:
        flash(refusal.detail, "warning")
    else:
        if done:
            flash(done, "success")
    return _back(org_id)


def _back(org_id: uuid.UUID) -> ResponseReturnValue:
    return redirect(url_for("pages.status_rules", org_id=org_id))


def dry_run_filter(args: Mapping[str, str]) -> tuple[Outcome | None, str | None]:
    """The outcome and the words of the query string; what the form does not offer is ignored."""
    return parsed(Outcome, args.get("outcome", "")), sought(args.get("q", "")) or None


def _page(org_id: uuid.UUID, **form: Any) -> str:
    shown = _shown(org_id)
    stored = _stored(shown["rules"])
    return render_template(
        "rules/show.html",
        **shown,
        part=PART,
        **{"values": stored, "version": seen(stored), "errors": {}, "conflicts": [], **form},
    )


def _shown(org_id: uuid.UUID) -> dict[str, Any]:
    """What changes while the page is open: the mode of the rules, and the list of tasks."""
    principal, rules = current_principal(), rules_view(org_id)
    visibility = Visibility.of(principal)
    outcome, q = dry_run_filter(request.args)
    read = partial(dry_run_page, visibility, outcome, q)
    filters = {"outcome": outcome, "q": q}
    tasks, around = part_behind("pages.status_rules", org_id, filters, read)
    counts = {} if rules.mode is RulesMode.OFF else outcome_counts(org_id)
    shows_links = any(task.explanation.links for task in tasks)
    away = away_words(visibility.connection, shows_links=shows_links)
    parts = (rules, tasks, counts, around["older_url"])
    return {
        **around,
        "live": Live.of(around["here_url"], away, *parts, principal.role),
        "moving": _is_moving(rules, counts),
        "rules": rules,
        "tasks": tasks,
        "counts": counts,
        "total": sum(counts.values()),
        "choices": _choices(counts),
        "q": typed_texts({"q": q or ""})["q"],
        "outcomes": OUTCOMES,
        "statuses": STATUS_MARKS,
        "calls_for": calls_for,
        "link_words": link_words,
        "most": MOST_A_MINUTE,
        "may_write": principal.may(Permission.RULES_WRITE),
    }


def _choices(counts: Mapping[Outcome, int]) -> list[tuple[str, str]]:
    """The filter by outcome, with how many tasks have each."""
    each = [(one.value, f"{OUTCOMES[one].text} ({count})") for one, count in counts.items()]
    return [("", f"All ({sum(counts.values())})"), *each]


def _is_moving(rules: RulesView, counts: Mapping[Outcome, int]) -> bool:
    """Whether a job looks at tasks, or makes the changes that were kept back."""
    if rules.mode is RulesMode.OFF:
        return False
    applies = rules.mode is RulesMode.ON and counts[Outcome.HELD] > 0
    return applies or not rules.dry_run_complete


def _stored(rules: RulesView) -> Values:
    """What the form shows of the saved rules."""
    boxes = {name: YES if getattr(rules, name) else NO for name in (*SWITCHES, *COUNTED)}
    return {**boxes, "branches": " ".join(rules.branches), "wait_seconds": str(rules.wait_seconds)}


def _typed() -> Values:
    branches, seconds = sent("branches", "wait_seconds")
    boxes = {name: YES if pressed(name) else NO for name in (*SWITCHES, *COUNTED)}
    named = " ".join(branches.replace(",", " ").split())
    return {**boxes, "branches": named, "wait_seconds": seconds}


def _change(both: Merge) -> RulesChange:
    """What the form changes. Raises :class:`Invalid`."""
    values: dict[str, Any] = {name: both.values[name] for name in both.mine}
    if "branches" in values:
        values["branches"] = values["branches"].split()
    if "wait_seconds" in values:
        values["wait_seconds"] = parsed(whole_number, values["wait_seconds"])
        if values["wait_seconds"] is None:
            raise Invalid("The rules were not changed.", errors={"wait_seconds": [NO_SECONDS]})
    boxes = {name: values[name] == YES for name in both.mine & {*SWITCHES, *COUNTED}}
    return RulesChange(**{**values, **boxes})


def _disputed(both: Merge, stored: Values) -> list[Both]:
    """The saved and the sent value of what both changed: a box is ticked or not."""
    words = {YES: "yes", NO: "no"}

    def shown(name: str, value: str) -> str:
        return value if name in {"branches", "wait_seconds"} else words[value]

    return [
        (FIELDS[name], shown(name, stored[name]), shown(name, both.values[name]))
        for name in both.disputed
    ]
