"""The texts of findings for pages, the API and alerts: what happened, and what to do.

The texts of error codes are in ``gitlab.error_codes``.
"""

from typing import Any

from gitlab_links.gitlab.error_codes import facts_of
from gitlab_links.health.findings import Finding
from gitlab_links.observations.hook_states import EVENT_NAMES
from gitlab_links.plurals import counted, listed

_RENEW = "Rotate it on the GitLab page, or make a new one in GitLab and set it there."
_GRANT = "Make a fine-grained token with that permission in GitLab, and set it on the GitLab page."
_REPAIR = "Press Repair beside the project."

_SUMMARIES: dict[str, str] = {
    "insufficient_permissions": "The access token lacks a permission that this service needs.",
    "insufficient_scope": "The access token has the scopes {scopes} and lacks {missing}.",
    "token_unchecked": "GitLab has not confirmed the access token yet.",
    "no_webhook_secret": "No webhook secret is set, so changes appear only when this service polls "
    "GitLab.",
    "no_events": "No event has arrived from GitLab yet.",
    "no_recent_events": "No event has arrived from GitLab since {last_event_on}.",
    "slashes_decoded": "A proxy in front of GitLab decodes %2F in addresses, so GitLab does not "
    "find a project by its path. This service searches for projects instead.",
    "deliveries_failed": "{count} of the last day's deliveries failed.",
    "rules_stopped": "The status rules have stopped: more than {most} tasks would have changed "
    "within a minute.",
    "endpoint_off": "Events are not sent to {to} any more. {reason}",
    "alerts_undelivered": "The last health alert to {to} did not arrive. {reason}",
    "token_expired": "The access token expired on {expires_at}.",
    "token_expires_1d": "The access token expires within a day, on {expires_at}.",
    "token_expires_7d": "The access token expires within 7 days, on {expires_at}.",
    "token_expires_30d": "The access token expires within 30 days, on {expires_at}.",
    "no_webhooks": "No event has arrived from any of the linked projects ({projects}) yet, so "
    "changes appear only when this service polls GitLab.",
    "project_unreadable": "{subject}: {unreadable} of {links} links cannot be read. {why}",
    "project_hidden": "{subject}: GitLab no longer shows this project to the access token, so its "
    "{links_are} not updated.",
    "links_at_former_address": "The links of {of_projects} lead to {addresses}, not to this "
    "GitLab, so they are not updated.",
    "hook_disabled": "{subject}: GitLab has disabled the webhook for good after repeated failures.",
    "hook_temporarily_disabled": "{subject}: GitLab has temporarily disabled the webhook after "
    "failures. Events are lost until it is enabled again.",
    "hook_missing": "{subject}: there is no webhook that points here.",
    "hook_events_missing": "{subject}: the webhook does not send {events}.",
    "hook_unproven": "{subject}: the webhook does not send a signature or secret that is known "
    "here, so its events are rejected.",
    "hook_unreadable": "{subject}: no event has arrived yet, and the token cannot see the "
    "project's webhooks.",
    "webhook_contradicted": "{subject}: events with the correct webhook secret contradict GitLab "
    "({times} in 7 days, the last on {last_at} UTC). Links show what GitLab says.",
    "webhook_other_instance": "Events arrive from {instance}, which is not the GitLab at "
    "{base_url} ({times} in 7 days). They are not applied; this service polls GitLab instead.",
    "webhook_bodies_over_quota": "More events arrive than may be stored a day ({megabytes} MB). "
    "Further ones are not stored; this service polls GitLab for each item instead.",
    "webhooks_refused": "Events from GitLab are rejected: {differs}. There were {times} in 7 "
    "days, the last on {last_at} UTC from {address}.",
    "webhooks_turned_away": "This service could not accept events from GitLab ({times} in 7 "
    "days, the last on {last_at} UTC), because its database did not answer or it had too much to "
    "do. Afterwards it read from GitLab what had changed.",
    "changes_only_by_sweep": "{subject}: no event arrives any more. {changes_were} found "
    "only by polling.",
    "events_missed": "{subject}: some events do not arrive. {by_sweep} of {all} changes in 7 days "
    "were found only by polling.",
}
_REMEDIES: dict[str, str] = {
    "insufficient_permissions": _GRANT,
    "insufficient_scope": "Make a token with {missing} in GitLab and set it on the GitLab page.",
    "token_unchecked": "Validate the connection.",
    "no_webhook_secret": "Pick the projects in step 2. Changes then arrive within seconds.",
    "no_events": "Pick the projects in step 2, or add the webhook in GitLab, as in step 4.",
    "no_recent_events": "In GitLab, open Settings > Webhooks and check whether the webhook is "
    "disabled.",
    "slashes_decoded": "Links work. Configure the proxy to pass addresses on unchanged: in Apache "
    "AllowEncodedSlashes NoDecode and nocanon, in nginx a proxy_pass without a path. This warning "
    "ends once an item of another project has been linked.",
    "deliveries_failed": "Open Deliveries to see why, and replay them.",
    "endpoint_off": "Open Endpoints, check the receiver, send a test, and turn it on again. What "
    "happens meanwhile waits for it, and is sent then.",
    "rules_stopped": "Open Status rules and read which changes they kept back. Then apply them, "
    "or switch the rules on without them.",
    "alerts_undelivered": "Correct the address under Privacy and alerts. If the mail server is at "
    "fault, ask the operator of this service. Then press Send a test alert.",
    "token_expired": "Make a new token in GitLab and set it on the GitLab page.",
    "token_expires_1d": _RENEW,
    "token_expires_7d": _RENEW,
    "token_expires_30d": _RENEW,
    "no_webhooks": "Press Create beside each project, or add one webhook to their group by hand.",
    "project_unreadable": "{remedy}",
    "project_hidden": "Give the owner of the token a role in the project again, or set a token of "
    "somebody who has one. Then press Check. If the project was deleted, remove its links.",
    "links_at_former_address": "If the same GitLab has moved, carry them over with a new token on "
    "the GitLab page. Otherwise remove these links.",
    "hook_disabled": _REPAIR,
    "hook_temporarily_disabled": _REPAIR,
    "hook_missing": "Press Create beside the project.",
    "hook_events_missing": _REPAIR,
    "hook_unproven": _REPAIR,
    "hook_unreadable": "Ask a maintainer to add the webhook by hand, as the GitLab page shows.",
    "webhook_contradicted": "Somebody who knows the webhook secret sends events that GitLab did "
    "not send. Press Repair beside each project to give its webhook a secret of its own. Then "
    "generate a new webhook secret. Until then this service checks each event with GitLab.",
    "webhook_other_instance": "If that is a copy, such as a staging system, turn off its "
    "webhooks. If it is your GitLab, set the base URL to GitLab's own external URL.",
    "webhook_bodies_over_quota": "Open Deliveries to see what sends so much. The operator can "
    "allow more (WEBHOOK_BODY_QUOTA_MB).",
    "webhooks_refused": "{to_do} If the address is not one of your GitLab's, somebody else "
    "sends these events. None of them is stored.",
    "webhooks_turned_away": "Links need nothing. If it happens again, ask the operator of this "
    "service. This warning ends an hour after the last such event.",
    "changes_only_by_sweep": _REPAIR,
    "events_missed": "In GitLab, check the webhook's recent events for failures. Then press "
    "Repair beside the project.",
}

_PASTE = "Paste the webhook secret into the webhook in GitLab, or press Repair beside the project."
_SIGN = "Set the same signing token in the webhook in GitLab and on the GitLab page."
# By the header that was wrong: the reason, and what to do.
_REFUSALS = {
    "token_missing": ("they have no secret (the header X-Gitlab-Token is missing)", _PASTE),
    "token_wrong": ("the secret differs (the header X-Gitlab-Token)", _PASTE),
    "signature_missing": ("they are not signed (the header webhook-signature is missing)", _SIGN),
    "signature_wrong": ("the signature differs (the header webhook-signature)", _SIGN),
}


def summary(finding: Finding) -> str:
    """What happened, followed by GitLab's own reason if it gave one."""
    known = _SUMMARIES.get(_key(finding))
    text = facts_of(finding.code).summary if known is None else known.format_map(_words(finding))
    reason = finding.detail.get("gitlab_says")
    return f"{text} GitLab says: {reason}" if reason else text


def _key(finding: Finding) -> str:
    """A fine-grained token has permissions instead of scopes. GitLab names the missing ones."""
    lacks_permissions = finding.detail.get("missing_scopes", ()) is None
    return "insufficient_permissions" if lacks_permissions else finding.code


def remedy(finding: Finding) -> str:
    """What a manager of the org can do about it."""
    known = _REMEDIES.get(_key(finding))
    if known is not None:
        return known.format_map(_words(finding))
    return facts_of(finding.code).remedy


def _words(finding: Finding) -> dict[str, Any]:
    detail = finding.detail
    differs, to_do = _REFUSALS.get(str(detail.get("header")), _REFUSALS["token_wrong"])
    events = (EVENT_NAMES.get(event, event) for event in detail.get("events", ()))
    return {
        **detail,
        "differs": differs,
        "to_do": to_do,
        "subject": finding.subject,
        "why": facts_of(detail.get("error_code") or "").summary,
        "remedy": facts_of(detail.get("error_code") or "").remedy,
        "addresses": listed(detail.get("addresses") or ()),
        "scopes": ", ".join(detail.get("scopes") or ()) or "none that are known",
        "missing": listed(detail.get("missing_scopes") or (), "or"),
        "events": listed(events),
        "links_are": counted(detail.get("links", 0), "link is", "links are"),
        "of_projects": counted(detail.get("projects", 0), "project"),
        "changes_were": counted(
            detail.get("by_sweep", 0), "change in 7 days was", "changes in 7 days were"
        ),
        "all": detail.get("by_sweep", 0) + detail.get("by_webhook", 0),
    }
