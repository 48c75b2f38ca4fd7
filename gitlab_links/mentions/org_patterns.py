"""The pattern of an org, from its present and former task keys."""

import uuid

from gitlab_links.accounts.task_keys import mention_choices
from gitlab_links.extensions import settings
from gitlab_links.mentions.pattern import KeyPattern, pattern_of


def org_pattern(org_id: uuid.UUID) -> KeyPattern:
    """The org's pattern, in one SELECT; it is compiled only if the keys are new."""
    task_url = f"{settings().public_base_url}/orgs/{org_id}/tasks/"
    choices = mention_choices(org_id)
    return pattern_of(choices.keys, task_url, reads_comments=choices.comments)
