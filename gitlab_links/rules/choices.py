"""What an org has chosen, as the pure function takes it."""

from gitlab_links.rule_states.models import OrgRules
from gitlab_links.rules.wanted import RuleChoices


def choices_of(rules: OrgRules | None) -> RuleChoices:
    """The choices of an org; the defaults without a row."""
    if rules is None:
        return RuleChoices()
    return RuleChoices(
        started=rules.started,
        all_merged=rules.all_merged,
        reopened=rules.reopened,
        branches=tuple(rules.branches),
        count_mentions=rules.count_mentions,
        count_issues=rules.count_issues,
        count_forks=rules.count_forks,
    )
