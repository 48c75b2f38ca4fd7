"""Findings in plain words: what is the matter, and what to do about it. For pages, the API
and notices alike. Those of an error code are in ``gitlab.error_codes``.
"""

from typing import Any

from gitlab_links.gitlab.error_codes import facts_of
from gitlab_links.health.findings import Finding
from gitlab_links.observations.states import EVENT_NAMES

_RENEW = "Rotate it on the GitLab page, or make a new one in GitLab and set it there."
_GRANT = "Make a fine-grained token with that permission in GitLab, and set it on the GitLab page."
_REPAIR = "Press Repair beside the project."

_SUMMARIES: dict[str, str] = {
    "insufficient_permissions": "The access token lacks a permission that is needed.",
    "insufficient_scope": "The access token has the scopes {scopes} and lacks {missing}.",
    "token_unchecked": "GitLab has not told yet whether it accepts the access token.",
    "no_webhook_secret": "No webhook secret is set, so changes are noticed only by looking now and "
    "then.",
    "no_events": "No event has come from GitLab yet.",
    "no_recent_events": "No event has come from GitLab since {last_event_on}.",
    "slashes_decoded": "A proxy in front of GitLab decodes %2F in addresses, so GitLab does not "
    "find a project by its path. Projects are found by a search instead.",
    "deliveries_failed": "{count} of the last day's deliveries failed.",
    "alerts_undelivered": "The last health alert to {to} did not arrive: {reason}.",
    "token_expired": "The access token expired on {expires_at}.",
    "token_expires_1d": "The access token expires within a day, on {expires_at}.",
    "token_expires_7d": "The access token expires within 7 days, on {expires_at}.",
    "token_expires_30d": "The access token expires within 30 days, on {expires_at}.",
    "no_webhooks": "No event has come from any of the linked projects ({projects}) yet, so changes "
    "are noticed only by looking now and then.",
    "project_unreadable": "{subject}: {unreadable} of {links} links cannot be read. {why}",
    "project_hidden": "{subject}: GitLab no longer shows this project to the access token, so its "
    "{links} links stay as they were.",
    "links_at_former_address": "The links of {projects} projects lead to {addresses}, not to this "
    "GitLab, so that they stay as they were.",
    "hook_disabled": "{subject}: GitLab has disabled the webhook for good after repeated failures.",
    "hook_temporarily_disabled": "{subject}: GitLab has disabled the webhook for a while, after "
    "failures; events meanwhile are lost.",
    "hook_missing": "{subject}: there is no webhook that points here.",
    "hook_events_missing": "{subject}: the webhook does not send {events}.",
    "hook_unproven": "{subject}: the webhook does not send the secret or signature that is asked "
    "for, so that its events are refused.",
    "hook_unreadable": "{subject}: no event has come yet, and the token may not see its webhooks.",
    "webhook_contradicted": "{subject}: GitLab contradicts what an event said that came with the "
    "webhook secret ({times} in 7 days, the last on {last_at} UTC). Links show what GitLab says.",
    "webhook_other_instance": "Events come from another GitLab, {instance}, than the one at "
    "{base_url} ({times} in 7 days). They are not applied; GitLab is asked instead.",
    "webhook_bodies_over_quota": "More events come in than may be stored a day ({megabytes} MB). "
    "The bodies of further ones are not kept; GitLab is asked about each item instead.",
    "webhooks_refused": "GitLab's events are being refused: {differs}. There were {times} in 7 "
    "days, the last on {last_at} UTC from {address}.",
    "changes_only_by_sweep": "{subject}: its changes are found only by looking; no event tells "
    "them any more ({by_sweep} in 7 days).",
    "events_missed": "{subject}: some events do not arrive: {by_sweep} of {all} changes in 7 days "
    "were found only by looking.",
}
_REMEDIES: dict[str, str] = {
    "insufficient_permissions": _GRANT,
    "insufficient_scope": "Make a token with {missing} in GitLab and set it on the GitLab page.",
    "token_unchecked": "Validate the connection.",
    "no_webhook_secret": "Pick the projects in step 2: changes then arrive within seconds.",
    "no_events": "Pick the projects in step 2, or add the webhook in GitLab, as in step 4.",
    "no_recent_events": "Look in GitLab under Settings > Webhooks whether the webhook is disabled.",
    "slashes_decoded": "Links work. Have the proxy pass addresses on unchanged: in Apache "
    "AllowEncodedSlashes NoDecode and nocanon, in nginx a proxy_pass without a path. This ends "
    "once an item of another project has been linked.",
    "deliveries_failed": "See under Deliveries why, and replay them.",
    "alerts_undelivered": "Correct the address under Privacy and alerts; if the mail server is at "
    "fault, ask the operator of this service. Then press Send a test alert.",
    "token_expired": "Make a new token in GitLab and set it on the GitLab page.",
    "token_expires_1d": _RENEW,
    "token_expires_7d": _RENEW,
    "token_expires_30d": _RENEW,
    "no_webhooks": "Press Create beside each project, or add one webhook to their group by hand.",
    "project_unreadable": "{remedy}",
    "project_hidden": "Give the owner of the token a role in the project again, or set a token of "
    "somebody who has one; then press Check. If the project was deleted, remove its links.",
    "links_at_former_address": "If the same GitLab has moved, carry them over with a new token on "
    "the GitLab page; else remove these links.",
    "hook_disabled": _REPAIR,
    "hook_temporarily_disabled": _REPAIR,
    "hook_missing": "Press Create beside the project.",
    "hook_events_missing": _REPAIR,
    "hook_unproven": _REPAIR,
    "hook_unreadable": "Have a maintainer add the webhook by hand, as the GitLab page says.",
    "webhook_contradicted": "Somebody who knows the webhook secret sends events that GitLab has "
    "not sent. Press Repair beside each project, which gives its webhook a secret of its own, then "
    "generate a new webhook secret. Until then GitLab is asked about each event.",
    "webhook_other_instance": "If that is a copy, such as a staging system, switch off its "
    "webhooks. If it is your GitLab, set the base URL to the address that GitLab calls itself by.",
    "webhook_bodies_over_quota": "See under Deliveries what sends so much. The operator can "
    "allow more (WEBHOOK_BODY_QUOTA_MB).",
    "webhooks_refused": "{to_do} If the address is none of your GitLab's, somebody else "
    "sends these: nothing of them is kept.",
    "changes_only_by_sweep": _REPAIR,
    "events_missed": "Look in GitLab at the webhook's recent events for failures, then press "
    "Repair beside the project.",
}

_PASTE = "Paste the webhook secret into the webhook in GitLab, or press Repair beside the project."
_SIGN = "Set the same signing token in the webhook in GitLab and on the GitLab page."
# By which header was wrong: what is so, and what to do.
_REFUSALS = {
    "token_missing": ("they bring no secret (the header X-Gitlab-Token is missing)", _PASTE),
    "token_wrong": ("the secret differs (the header X-Gitlab-Token)", _PASTE),
    "signature_missing": ("they are not signed (the header webhook-signature is missing)", _SIGN),
    "signature_wrong": ("the signature differs (the header webhook-signature)", _SIGN),
}


def summary(finding: Finding) -> str:
    """What is the matter, in one sentence; in a second one what GitLab says of it."""
    known = _SUMMARIES.get(_key(finding))
    told = facts_of(finding.code).summary if known is None else known.format_map(_words(finding))
    said = finding.detail.get("gitlab_says")
    return f"{told} GitLab says: {said}" if said else told


def _key(finding: Finding) -> str:
    """A fine-grained token has permissions and no scopes: GitLab names those it lacks."""
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

    def listed(name: str, link: str) -> str:
        return link.join(detail.get(name) or ())

    differs, to_do = _REFUSALS.get(str(detail.get("header")), _REFUSALS["token_wrong"])
    events = (EVENT_NAMES.get(event, event) for event in detail.get("events", ()))
    return {
        **detail,
        "differs": differs,
        "to_do": to_do,
        "subject": finding.subject,
        "why": facts_of(detail.get("error_code") or "").summary,
        "remedy": facts_of(detail.get("error_code") or "").remedy,
        "addresses": listed("addresses", " and "),
        "scopes": listed("scopes", ", ") or "none that are known",
        "missing": listed("missing_scopes", " or "),
        "events": " and ".join(", ".join(events).rsplit(", ", 1)),
        "all": detail.get("by_sweep", 0) + detail.get("by_webhook", 0),
    }
