"""Every model in one place, so that mappers and migrations see all of them."""

from gitlab_links.accounts.models import (
    AnsweredRequest,
    ApiKey,
    LoginSession,
    Membership,
    Org,
    User,
)
from gitlab_links.audit.models import AuditEvent
from gitlab_links.deliveries.models import GitLabWebhookDelivery
from gitlab_links.health.models import HealthProblem
from gitlab_links.installation import Installation
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.observations.models import (
    GitLabChangeCount,
    GitLabHookSecret,
    GitLabProjectWatch,
    GitLabWebhookTally,
)
from gitlab_links.operations.models import Operation
from gitlab_links.tasks.models import Task

__all__ = [
    "AnsweredRequest",
    "ApiKey",
    "AuditEvent",
    "GitLabChangeCount",
    "GitLabHookSecret",
    "GitLabItem",
    "GitLabProject",
    "GitLabProjectWatch",
    "GitLabWebhookDelivery",
    "GitLabWebhookTally",
    "HealthProblem",
    "Installation",
    "LoginSession",
    "Membership",
    "Operation",
    "Org",
    "OrgGitLabIntegration",
    "Task",
    "TaskGitLabLink",
    "User",
]
