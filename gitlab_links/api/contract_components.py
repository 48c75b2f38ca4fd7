"""The parts of the contract that operations share: credentials, headers, errors."""

from http import HTTPStatus
from typing import Any

Json = dict[str, Any]

INFO: Json = {
    "info": {
        "title": "gitlab_links",
        "version": "1",
        "summary": "Tasks that show the current state of their GitLab issues and merge requests.",
        "description": (
            "Ids are UUIDs, times are ISO 8601 in UTC with `Z`, unknown fields and parameters are "
            "refused. Errors are `application/problem+json` with a stable `code`. Lists of any "
            "length take `limit` and `cursor`. Reads carry an `ETag` and answer `If-None-Match` "
            "with 304, `If-Match` with 412 if it has changed. Changes of what can be read take it "
            "as `If-Match` and answer 412 if somebody else changed it first, other requests "
            "refuse it with 422, as all changes do `If-None-Match`. An id that is unknown, or of "
            "another org, is answered 404."
        ),
        "license": {"name": "Proprietary", "identifier": "LicenseRef-Proprietary"},
    },
    "servers": [{"url": "/", "description": "The service that serves this document."}],
}

SECURITY_SCHEMES: Json = {
    "apiKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key (`glk_...`). Limited to one org, to its scopes and to the "
        "permissions of its owner.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "session",
        "description": "The cookie of a browser that is logged in; `__Host-session` over https.",
    },
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": "X-CSRFToken",
        "description": "Required with the session cookie on every write; pages contain it.",
    },
    "gitlabToken": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Gitlab-Token",
        "description": "The org's webhook secret, as entered in GitLab.",
    },
    "gitlabSignature": {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": "A Standard Webhooks signature. Once the org has set a signing token, "
        "only a signature is accepted.",
    },
}

PARAMETERS: Json = {
    "IfNoneMatch": {
        "in": "header",
        "name": "If-None-Match",
        "description": "The `ETag` of an earlier answer: 304 if it is still current.",
        "schema": {"type": "string"},
    },
    "IdempotencyKey": {
        "in": "header",
        "name": "Idempotency-Key",
        "description": "A new name for each request, such as a UUID. A request that is sent "
        "again with the same name within 24 hours is not carried out again: it gets the first "
        "answer, with `Idempotency-Replayed`. With another body it is refused (422).",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    },
    "IfMatch": {
        "in": "header",
        "name": "If-Match",
        "description": "The `ETag` of the state that was read: 412 if it has changed since.",
        "schema": {"type": "string"},
    },
}


def _header(description: str, kind: str, example: Any) -> Json:
    return {"description": description, "schema": {"type": kind}, "example": example}


HEADERS: Json = {
    "RequestId": _header("Names the request in the logs.", "string", "8a1f0c2b9d7e4f60"),
    "ETag": _header(
        "Changes with the answer; of links weak, and not with the times of their sync.",
        "string",
        '"f9ae23be9652f7c1"',
    ),
    "Location": _header("The address of what was created.", "string", "/api/orgs/..."),
    "RetryAfter": _header("Seconds to wait.", "integer", 30),
    "RateLimitLimit": _header("Requests a minute for this API key.", "integer", 600),
    "RateLimitRemaining": _header("How many are left.", "integer", 599),
    "RateLimitReset": _header("Seconds until the count starts again.", "integer", 42),
}

RATE_HEADERS: Json = {
    "RateLimit-Limit": {"$ref": "#/components/headers/RateLimitLimit"},
    "RateLimit-Remaining": {"$ref": "#/components/headers/RateLimitRemaining"},
    "RateLimit-Reset": {"$ref": "#/components/headers/RateLimitReset"},
}
REQUEST_ID: Json = {"X-Request-ID": {"$ref": "#/components/headers/RequestId"}}


def problem_response(
    status: int,
    description: str,
    *codes: str,
    errors: Json | None = None,
    headers: Json | None = None,
) -> Json:
    """An error response with the codes that it can have."""
    phrase = HTTPStatus(status).phrase
    examples = {
        code: {
            "value": {
                "type": "about:blank",
                "title": phrase,
                "status": status,
                "detail": description,
                "code": code,
                **({"errors": errors} if errors else {}),
            }
        }
        for code in codes
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": f"{phrase}. {description}",
        "headers": {**REQUEST_ID, **(headers or {})},
        "content": {"application/problem+json": {"schema": schema, "examples": examples}},
    }


RETRY: Json = {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}}

RESPONSES: Json = {
    "NotModified": {
        "description": "Not Modified. The answer with the sent `ETag` is still current.",
        "headers": REQUEST_ID,
    },
    "BadRequest": problem_response(
        400, "The body is not JSON, or nests too deep.", "invalid_json", "json_too_deep"
    ),
    "Unauthorized": problem_response(
        401, "Credentials are missing or wrong; all causes get this answer.", "unauthorized"
    ),
    "Forbidden": problem_response(
        403,
        "The caller is not allowed to do this.",
        "forbidden",
        "insufficient_scope",
        "csrf_failed",
    ),
    "NotAuthentic": problem_response(
        403, "Neither a secret nor a signature shows that the org's GitLab sent this.", "forbidden"
    ),
    "NotFound": problem_response(404, "Unknown, or not visible to the caller.", "not_found"),
    "PreconditionFailed": problem_response(
        412,
        "It has changed since the state that `If-Match` names; `ETag` is the current one.",
        "precondition_failed",
        headers={"ETag": {"$ref": "#/components/headers/ETag"}},
    ),
    "BodyTooLarge": problem_response(413, "The body is too large.", "body_too_large"),
    "UriTooLong": {
        "description": "URI Too Long. The HTTP server answers this before the service sees the "
        "request; parameters within their limits never reach it.",
        "content": {
            "text/html": {"schema": {"type": "string"}, "example": "<h1>URI Too Long</h1>"}
        },
    },
    "UnsupportedMediaType": problem_response(
        415, "The Content-Type is not JSON.", "unsupported_media_type"
    ),
    "Invalid": problem_response(
        422,
        "Invalid values; `errors` names the fields or parameters.",
        "validation_error",
        errors={"limit": ["Must be greater than or equal to 1 and less than or equal to 200."]},
    ),
    "RateLimited": problem_response(
        429,
        "Too many requests with this API key.",
        "rate_limited",
        headers={**RETRY, **RATE_HEADERS},
    ),
    "Unavailable": problem_response(
        503, "Not possible at this moment; nothing was changed.", "unavailable", headers=RETRY
    ),
}

COMPONENTS: Json = {
    "securitySchemes": SECURITY_SCHEMES,
    "parameters": PARAMETERS,
    "headers": HEADERS,
    "responses": RESPONSES,
}
