"""The issues and merge requests of the sample instance, as plain data.

``age`` and ``due`` are in days from now; the other names are those of the operations.
"""

from typing import Any

Fields = dict[str, Any]

INCIDENT_NOTE = "Traffic is back on the old certificate. We watch it for an hour."

ISSUES: dict[str, list[Fields]] = {
    "acme/web-shop": [
        {"title": "Checkout button does nothing on Safari 17", "author": "sofia.reyes", "age": 6,
         "labels": ["bug", "priority::1", "customer"], "assignees": ["lukas.brandt"],
         "milestone": "Autumn release", "due": 5,
         "description": "Two customers reported it. The console says `requestSubmit` is missing."},
        {"title": "Show delivery date before checkout", "author": "amara.okafor", "age": 21,
         "labels": ["feature", "workflow::in progress"],
         "assignees": ["mei.tanaka", "elif.demir"], "milestone": "Autumn release", "due": 12},
        {"title": "Product images lack alternative texts", "author": "elif.demir", "age": 30,
         "labels": ["accessibility", "good first issue"], "milestone": "Hardening"},
        {"title": "Search for “jacket” also finds “straitjacket”", "author": "tom.whitfield",
         "age": 44, "labels": ["bug", "priority::2"], "assignees": ["priya.nair"]},
        {"title": "Basket survives a new login", "author": "amara.okafor", "age": 60,
         "labels": ["feature"], "assignees": ["lukas.brandt"], "closed": True},
        {"title": "Rotate the payment provider's API keys", "author": "jonas.lind", "age": 3,
         "labels": ["security"], "assignees": ["jonas.lind"], "confidential": True,
         "milestone": "Hardening", "due": 9},
    ],
    "acme/platform/api": [
        {"title": "Orders endpoint takes 4 s with 1,000 lines", "author": "priya.nair", "age": 11,
         "labels": ["performance", "workflow::in review", "priority::2"],
         "assignees": ["priya.nair"], "milestone": "Winter sale", "due": 20},
        {"title": "Document the rate limits", "author": "tom.whitfield", "age": 17,
         "labels": ["documentation", "good first issue"], "milestone": "Autumn release"},
        {"title": "Certificate of api.acme.example expired", "author": "jonas.lind", "age": 1,
         "type": "incident", "severity": "critical", "labels": ["priority::1"],
         "assignees": ["jonas.lind", "amara.okafor"]},
        {"title": "Return problem details instead of HTML on errors", "author": "mei.tanaka",
         "age": 35, "labels": ["feature"], "assignees": ["mei.tanaka"], "closed": True},
        {"title": "Decide on cursor or page pagination", "author": "priya.nair", "age": 9,
         "type": "task", "assignees": ["tom.whitfield"], "milestone": "Autumn release"},
    ],
    "acme/mobile": [
        {"title": "App forgets the chosen language", "author": "elif.demir", "age": 13,
         "labels": ["bug", "customer"], "assignees": ["sofia.reyes"], "milestone": "Winter sale"},
        {"title": "Support dark mode", "author": "sofia.reyes", "age": 52,
         "labels": ["feature", "workflow::blocked"], "assignees": ["elif.demir"], "due": 30},
        {"title": "Push notification when an order is on its way", "author": "amara.okafor",
         "age": 8, "labels": ["feature"], "milestone": "Winter sale"},
        {"title": "Crash when the camera is refused", "author": "tom.whitfield", "age": 27,
         "labels": ["bug", "priority::1"], "assignees": ["sofia.reyes"], "closed": True},
    ],
}  # fmt: skip

MERGE_REQUESTS: dict[str, list[Fields]] = {
    "acme/web-shop": [
        {"title": "Fall back when requestSubmit is missing", "author": "lukas.brandt", "age": 2,
         "source_branch": "fix-safari-checkout", "labels": ["bug", "priority::1"],
         "assignees": ["lukas.brandt"], "reviewers": ["sofia.reyes", "mei.tanaka"],
         "milestone": "Autumn release", "pipeline": "success"},
        {"title": "Draft: Delivery date on the basket page", "author": "mei.tanaka", "age": 5,
         "source_branch": "delivery-date", "labels": ["feature", "workflow::in progress"],
         "assignees": ["mei.tanaka"], "milestone": "Autumn release", "pipeline": "running"},
        {"title": "Keep the basket over logins", "author": "lukas.brandt", "age": 40,
         "source_branch": "basket-login", "labels": ["feature"], "assignees": ["lukas.brandt"],
         "reviewers": ["amara.okafor"], "pipeline": "success", "outcome": "merged"},
        {"title": "Replace the icon font by SVG", "author": "elif.demir", "age": 33,
         "source_branch": "svg-icons", "labels": ["accessibility", "performance"],
         "pipeline": "failed", "mergeability": "conflict"},
    ],
    "acme/platform/api": [
        {"title": "Load order lines in one query", "author": "priya.nair", "age": 4,
         "source_branch": "order-lines", "labels": ["performance", "workflow::in review"],
         "assignees": ["priya.nair"], "reviewers": ["tom.whitfield"],
         "milestone": "Winter sale", "pipeline": "success", "mergeability": "not_approved"},
        {"title": "Draft: Cursor pagination for orders", "author": "tom.whitfield", "age": 7,
         "source_branch": "cursor-pagination", "assignees": ["tom.whitfield"],
         "pipeline": "failed"},
        {"title": "Renew certificates a month ahead", "author": "jonas.lind", "age": 1,
         "source_branch": "renew-certificates", "labels": ["priority::1"],
         "assignees": ["jonas.lind"], "reviewers": ["amara.okafor"], "pipeline": "pending",
         "mergeability": "ci_still_running"},
        {"title": "Answer errors as problem+json", "author": "mei.tanaka", "age": 29,
         "source_branch": "problem-json", "labels": ["feature"], "assignees": ["mei.tanaka"],
         "pipeline": "success", "outcome": "merged"},
    ],
    "acme/mobile": [
        {"title": "Remember the language across restarts", "author": "sofia.reyes", "age": 6,
         "source_branch": "remember-language", "labels": ["bug"], "assignees": ["sofia.reyes"],
         "reviewers": ["elif.demir"], "milestone": "Winter sale", "pipeline": "success",
         "mergeability": "discussions_not_resolved"},
        {"title": "Ask for the camera only when scanning", "author": "tom.whitfield", "age": 20,
         "source_branch": "camera-permission", "labels": ["bug"], "pipeline": "success",
         "outcome": "merged"},
        {"title": "Draft: Dark mode colours", "author": "elif.demir", "age": 15,
         "source_branch": "dark-mode", "labels": ["feature", "workflow::blocked"],
         "assignees": ["elif.demir"], "reviewers": ["sofia.reyes"], "pipeline": "canceled"},
        {"title": "Try another push service", "author": "sofia.reyes", "age": 48,
         "source_branch": "push-service", "pipeline": "failed", "outcome": "closed"},
    ],
}  # fmt: skip
