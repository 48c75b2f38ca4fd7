"""/api/orgs/<org_id>/integrations/gitlab/webhook: where GitLab knocks."""

import uuid
from collections.abc import Iterator, Mapping

from flask import Response, request
from werkzeug.datastructures import Headers

from gitlab_links.api.answers import json_answer
from gitlab_links.api.blueprints import webhooks
from gitlab_links.api.schemas.webhooks import AcceptedSchema
from gitlab_links.http.access import webhook
from gitlab_links.http.json_bodies import read_body, require_json
from gitlab_links.webhooks.intake import accept

WEBHOOK_BODY = {
    "required": True,
    "description": "The body of a GitLab webhook, 25 MiB at most.",
    "content": {
        "application/json": {
            "schema": {"description": "Any JSON: what is no event of ours is `ignored`."},
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
    """Take in a webhook of GitLab

    Stored first and processed by workers afterwards. Whatever GitLab can send is answered
    202, once it is authentic and JSON: GitLab switches off hooks that fail.
    """
    require_json(request)
    headers = HeaderMapping(request.headers)
    accepted = accept(org_id, headers, read_body(request))
    return json_answer(
        {"status": accepted.status, "delivery_id": str(accepted.delivery_id)}, status=202
    )


class HeaderMapping(Mapping[str, str]):
    """Headers by name in any case; werkzeug's own iterate over pairs, as no mapping does."""

    def __init__(self, headers: Headers) -> None:
        self._headers = headers

    def __getitem__(self, name: str) -> str:
        return self._headers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._headers.keys())

    def __len__(self) -> int:
        return len(self._headers)
