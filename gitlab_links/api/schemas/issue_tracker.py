"""The custom issue tracker of GitLab."""

from marshmallow import fields

from gitlab_links.api.schemas.common import Answer, described, envelope

_TASKS = "https://links.example.com/orgs/01a2077a-4f08-7063-8e6a-080af5fdcbb5/tasks"


class TrackerSchema(Answer):
    """The fields, under GitLab's names."""

    project_url = fields.String(metadata={"example": _TASKS})
    issues_url = fields.String(
        metadata=described("`:id` is the number behind the key.", f"{_TASKS}/ACME-:id")
    )
    new_issue_url = fields.String(metadata={"example": f"{_TASKS}/new"})


TrackerEnvelope = envelope("TrackerEnvelope", issue_tracker=TrackerSchema)
