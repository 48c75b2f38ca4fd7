"""The parts of the contract that operations share: who calls, headers, errors."""

from http import HTTPStatus
from typing import Any

Json = dict[str, Any]

INFO: Json = {
    "info": {
        "title": "gitlab_links",
        "version": "1",
        "summary": "Tasks that show their GitLab issues and merge requests as they are now.",
        "description": (
            "Ids are UUIDs, times are ISO 8601 in UTC with `Z`, unknown fields and parameters "
            "are refused. Errors are `application/problem+json` with a stable `code`. Lists "
            "take `limit` and `cursor`. Reads carry an `ETag` and answer `If-None-Match` with "
            "304; changes take it as `If-Match` and answer 412 if somebody else came first. "
            "What is not yours looks like what is not there: 404."
        ),
        "license": {"name": "Proprietary", "identifier": "LicenseRef-Proprietary"},
    },
    "servers": [{"url": "/", "description": "The service that serves this document."}],
}

SECURITY_SCHEMES: Json = {
    "apiKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key (`glk_...`). Bound to one org, to its scopes and to what its "
        "owner's role allows.",
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
        "description": "Goes with the session cookie on every write; pages carry it.",
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
        "description": "A Standard Webhooks signature, which counts alone once the org has set "
        "a signing token.",
    },
}

PARAMETERS: Json = {
    "IfNoneMatch": {
        "in": "header",
        "name": "If-None-Match",
        "description": "The `ETag` of an answer one has: 304 if it is still the answer.",
        "schema": {"type": "string"},
    },
    "IdempotencyKey": {
        "in": "header",
        "name": "Idempotency-Key",
        "description": "A name for this request, new for each, such as a UUID. Sent again with "
        "it within 24 hours, the request is not done again: the answer is that of the first "
        "time, with `Idempotency-Replayed`. With another body it is a 422.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    },
    "IfMatch": {
        "in": "header",
        "name": "If-Match",
        "description": "The `ETag` of the state that was read: 412 if it was changed meanwhile.",
        "schema": {"type": "string"},
    },
}


def _header(description: str, kind: str, example: Any) -> Json:
    return {"description": description, "schema": {"type": kind}, "example": example}


HEADERS: Json = {
    "RequestId": _header("Names the request in the logs.", "string", "8a1f0c2b9d7e4f60"),
    "ETag": _header("Changes with the answer.", "string", '"f9ae23be9652f7c1"'),
    "Location": _header("Where what was made is.", "string", "/api/orgs/..."),
    "RetryAfter": _header("Seconds to wait.", "integer", 30),
    "RateLimitLimit": _header("Requests a minute for this API key.", "integer", 600),
    "RateLimitRemaining": _header("How many are left.", "integer", 599),
    "RateLimitReset": _header("Seconds until it starts anew.", "integer", 42),
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
    """A response with a problem; ``codes`` are those it can have."""
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
        "description": "Not Modified. The answer is still the one whose `ETag` was sent.",
        "headers": REQUEST_ID,
    },
    "BadRequest": problem_response(
        400, "The body is not JSON, or nests too deep.", "invalid_json", "json_too_deep"
    ),
    "Unauthorized": problem_response(
        401, "No credentials, or bad ones: one answer for all causes.", "unauthorized"
    ),
    "Forbidden": problem_response(
        403,
        "The caller is known and may not do this.",
        "forbidden",
        "insufficient_scope",
        "csrf_failed",
    ),
    "NotAuthentic": problem_response(
        403, "Neither secret nor signature proves that the org's GitLab sent this.", "forbidden"
    ),
    "NotFound": problem_response(404, "Unknown, or not for the caller to know of.", "not_found"),
    "PreconditionFailed": problem_response(
        412,
        "It was changed since the state that `If-Match` names; `ETag` is the present one's.",
        "precondition_failed",
        headers={"ETag": {"$ref": "#/components/headers/ETag"}},
    ),
    "BodyTooLarge": problem_response(413, "The body is too large.", "body_too_large"),
    "UriTooLong": {
        "description": "URI Too Long. Said by the HTTP server before the service sees anything: "
        "parameters within their bounds never come to that.",
        "content": {
            "text/html": {"schema": {"type": "string"}, "example": "<h1>URI Too Long</h1>"}
        },
    },
    "UnsupportedMediaType": problem_response(
        415, "The body does not say that it is JSON.", "unsupported_media_type"
    ),
    "Invalid": problem_response(
        422,
        "Well-formed and refused; `errors` names the fields or parameters.",
        "validation_error",
        errors={"limit": ["Must be greater than or equal to 1 and less than or equal to 100."]},
    ),
    "RateLimited": problem_response(
        429,
        "Too many requests with this API key.",
        "rate_limited",
        headers={**RETRY, **RATE_HEADERS},
    ),
    "Unavailable": problem_response(
        503, "The database does not answer; nothing was changed.", "unavailable", headers=RETRY
    ),
}

COMPONENTS: Json = {
    "securitySchemes": SECURITY_SCHEMES,
    "parameters": PARAMETERS,
    "headers": HEADERS,
    "responses": RESPONSES,
}
