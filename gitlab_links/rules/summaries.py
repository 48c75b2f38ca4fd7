"""The rules of an org as pages and API show them."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from gitlab_links.rule_states.models import DEFAULT_WAIT_SECONDS, RulesMode
from gitlab_links.rules.changes import find_rules, is_running
from gitlab_links.rules.choices import choices_of


@dataclass(frozen=True, slots=True)
class RulesView:
    """What an org has chosen, and whether every task was looked at with it."""

    mode: RulesMode
    started: bool
    all_merged: bool
    reopened: bool
    branches: tuple[str, ...]
    count_mentions: bool
    count_issues: bool
    count_forks: bool
    wait_seconds: int
    dry_run_complete: bool
    stopped_at: datetime | None


def rules_view(org_id: uuid.UUID) -> RulesView:
    """The rules of an org; off, with the defaults, if nobody has chosen anything."""
    rules = find_rules(org_id)
    choices = choices_of(rules)
    mode = RulesMode.OFF if rules is None else RulesMode(rules.mode)
    return RulesView(
        mode=mode,
        **{name: getattr(choices, name) for name in choices.__slots__},
        wait_seconds=DEFAULT_WAIT_SECONDS if rules is None else rules.wait_seconds,
        dry_run_complete=rules is not None and mode is not RulesMode.OFF and not is_running(rules),
        stopped_at=None if rules is None else rules.stopped_at,
    )
