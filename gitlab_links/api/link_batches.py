"""/api/orgs/<org_id>/tasks/<task_id>/gitlab-links/batch"""

import uuid
from collections.abc import Mapping
from typing import Any

from flask import Response

from gitlab_links.accounts.roles import Permission
from gitlab_links.api.answers import json_answer
from gitlab_links.api.blueprints import links, refuses
from gitlab_links.api.schemas.link_batches import BatchEnvelope, LinkOutcome, NewLinks
from gitlab_links.api.schemas.links import named
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.integrations.credentials import IntegrationMissing
from gitlab_links.links.link_views import LinkView
from gitlab_links.links.queries import links_by_id
from gitlab_links.pasting.changes import BatchRefused, Pasted, attach_all


@links.post("/api/orgs/<uuid:org_id>/tasks/<uuid:task_id>/gitlab-links/batch")
@access(Permission.LINK_WRITE)
@links.body(NewLinks)
@links.returns(200, BatchEnvelope)
@refuses(IntegrationMissing, BatchRefused)
def task_gitlab_links_batch_post(
    new: dict[str, Any], org_id: uuid.UUID, task_id: uuid.UUID
) -> Response:
    """Link up to 50 issues and merge requests to a task

    Each has a result. One that is linked already counts as done, so that the call can be
    repeated. With `all_or_none`, one refusal refuses all (`batch_refused`).
    """
    principal = current_principal()
    found = attach_all(
        principal,
        task_id,
        [named(one) for one in new["links"]],
        all_or_none=new["all_or_none"],
    )
    ids = [one.link_id for one in found if one.link_id is not None]
    views = links_by_id(org_id, ids, viewer=principal.role)
    return json_answer({"results": [_result(one, views) for one in found]})


def _result(one: Pasted, views: Mapping[uuid.UUID, LinkView]) -> dict[str, Any]:
    if one.refusal is not None or one.link_id is None:
        refusal = one.refusal
        return {
            "outcome": LinkOutcome.REFUSED,
            "link": None,
            "code": refusal and refusal.code,
            "detail": refusal and refusal.detail,
        }
    outcome = LinkOutcome.LINKED if one.is_new else LinkOutcome.EXISTED
    view = views.get(one.link_id)
    hides = view is None or view.is_hidden_as(one.reference)
    return {"outcome": outcome, "link": None if hides else view, "code": None, "detail": None}
