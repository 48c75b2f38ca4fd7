"""/api/orgs/<org_id>/integrations/gitlab/webhook: GitLab sends its webhooks here."""

import uuid

import structlog
from flask import Response, request

from gitlab_links.api.answers import json_answer
from gitlab_links.api.blueprints import webhooks
from gitlab_links.api.schemas.webhooks import AcceptedSchema
from gitlab_links.clock import utcnow
from gitlab_links.deliveries.authenticity import Unproven
from gitlab_links.deliveries.intake import Intake, accept
from gitlab_links.deliveries.quota import count_stored
from gitlab_links.deliveries.refusals import note_refused
from gitlab_links.deltas.turned_away import note_turned_away
from gitlab_links.http.access import webhook
from gitlab_links.http.json_bodies import read_body, require_json
from gitlab_links.http.request_ids import current_request_id
from gitlab_links.http.transactions import single_write
from gitlab_links.job_triggers import JobKind, trigger

WEBHOOK_BODY = {
    "required": True,
    "description": "The body of a GitLab webhook, 25 MiB at most.",
    "content": {
        "application/json": {
            "schema": {"description": "Any JSON. Events that are not used are `ignored`."},
            "example": {
                "object_kind": "issue",
                "project": {"id": 15, "path_with_namespace": "acme/app"},
                "object_attributes": {"iid": 7, "title": "Fix it", "state": "opened"},
            },
        }
    },
}


@webhooks.post("/api/orgs/<uuid:org_id>/integrations/gitlab/webhook")
@webhook
@webhooks.returns(202, AcceptedSchema)
@webhooks.documented(requestBody=WEBHOOK_BODY)
def gitlab_webhook_post(org_id: uuid.UUID) -> Response:
    """Receive a webhook from GitLab

    It is stored first and processed by workers afterwards. Everything authentic that is JSON
    is answered 202, because GitLab disables webhooks that fail.
    """
    require_json(request)
    body = read_body(request)
    headers = dict(request.headers.items())
    try:
        with single_write() as connection:
            accepted = accept(connection, org_id, headers, body, current_request_id())
    except Unproven as refusal:
        _note_refused(org_id, refusal)
        raise
    structlog.contextvars.bind_contextvars(
        org_id=str(org_id), delivery_id=str(accepted.delivery_id)
    )
    if accepted.status is not Intake.DUPLICATE:
        count_stored(org_id, len(body), utcnow())
    if accepted.status is Intake.ACCEPTED:
        trigger(JobKind.DRAIN, org_id)
    return json_answer(
        {"status": accepted.status, "delivery_id": str(accepted.delivery_id)}, status=202
    )


@webhooks.after_request
def _note_turned_away(response: Response) -> Response:
    """Whatever kept this service from storing a webhook, GitLab does not send it again."""
    if response.status_code >= 500 and request.endpoint == f"{webhooks.name}.gitlab_webhook_post":
        note_turned_away((request.view_args or {})["org_id"], utcnow())
    return response


def _note_refused(org_id: uuid.UUID, refusal: Unproven) -> None:
    structlog.contextvars.bind_contextvars(org_id=str(org_id), refused=refusal.reason.value)
    note_refused(
        org_id,
        refusal,
        utcnow(),
        address=request.remote_addr or "",
        agent=request.headers.get("User-Agent", ""),
    )
