"""The GitLab page of an org: health, settings and set-up instructions."""

import uuid
from collections.abc import Mapping
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.roles import Permission
from gitlab_links.clock import utcnow
from gitlab_links.deliveries.statistics import delivery_stats
from gitlab_links.errors import Conflict, Invalid, PreconditionFailed
from gitlab_links.extensions import settings
from gitlab_links.gitlab.error_codes import ErrorCode, in_words
from gitlab_links.health import reconnection
from gitlab_links.health.connecting import Saved, save_connection
from gitlab_links.health.issue_tracker import tracker_fields
from gitlab_links.health.report import report_of
from gitlab_links.health.token_check import (
    NOT_NOTED,
    Validation,
    ValidationStatus,
    validate_now,
)
from gitlab_links.health.watching import lacks_hook
from gitlab_links.http.access import access
from gitlab_links.http.gitlab_waits import WAITS
from gitlab_links.http.guard import current_principal
from gitlab_links.http.mounting import path_here
from gitlab_links.integrations.changes import (
    IntegrationChange,
    LeavesGitLab,
    find_integration,
    generate_webhook_secret,
)
from gitlab_links.integrations.policy import policy_of
from gitlab_links.links.freshness import Connection
from gitlab_links.mentions.queries import has_pending
from gitlab_links.observations.hook_states import EVENT_NAMES
from gitlab_links.outgoing.alerts import alert_endpoint
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.connection.call_cost_words import call_costs
from gitlab_links.pages.connection.operation_words import (
    hook_progress,
    recent_operations,
    shown_since,
)
from gitlab_links.pages.connection.settings_versions import (
    CONNECTION,
    SECRETS,
    SETTINGS,
    both_connections,
    both_secrets,
    changed_meanwhile,
    versions,
)
from gitlab_links.pages.connection.working_parts import HEADLINES, good_news
from gitlab_links.pages.form_fields import pressed, sent
from gitlab_links.pages.live_parts import Live, answer_part, away_words, is_part
from gitlab_links.pages.menu_marks import show_verdict
from gitlab_links.pages.shown_once import redirect_and_show, take_shown, unless_shown
from gitlab_links.pages.times import day
from gitlab_links.pages.unsent_forms import typed_before

PATH = "/orgs/<uuid:org_id>/gitlab"
PART = "health"
EMPTY_ADDRESS = (
    "Enter the address of your GitLab. To disconnect the org, press Disconnect at the end of "
    "the page."
)
TOKEN_PAGE = "/-/user_settings/personal_access_tokens?name=gitlab_links&scopes=api,self_rotate"
LEFT_GITLAB = (
    "The token, the webhook secret and the hook secrets of the previous address were deleted."
)


@pages.get(PATH)
@access(Permission.INTEGRATION)
def integration(org_id: uuid.UUID) -> ResponseReturnValue:
    """The whole page, or its health part alone for the open page."""
    if is_part(PART):
        return answer_part("integration/health.html", _health(org_id))
    new = take_shown(path_here())
    page = integration_page(org_id, new_secret=new and new["secret"], typed=typed_before() or {})
    return unless_shown(page, new)


@pages.post(PATH)
@access(Permission.INTEGRATION)
def configure_integration(org_id: uuid.UUID) -> ResponseReturnValue:
    """Save the address, and the token if one was typed; an empty field leaves the token.

    A new address without a new token needs a confirmation. The confirmation is the address
    itself, so it is not valid for another one.
    """
    base_url, token, _ = sent("base_url", "token", CONNECTION)
    typed = {"base_url": base_url}
    if not base_url:
        return page_with_errors(org_id, {"base_url": [EMPTY_ADDRESS]}, typed)
    confirmed = request.form.get("forget", "").strip() == base_url
    if changed_meanwhile(org_id, CONNECTION):
        return _beside_theirs(org_id, base_url, token)
    change = IntegrationChange(
        base_url=base_url, token=token or None, may_forget=confirmed or bool(token)
    )
    try:
        return _change(org_id, change, typed=typed)
    except PreconditionFailed:
        return _beside_theirs(org_id, base_url, token)


def _beside_theirs(org_id: uuid.UUID, base_url: str, token: str) -> ResponseReturnValue:
    """The page again (412): somebody else saved the connection meanwhile."""
    both = both_connections(find_integration(org_id), base_url, bool(token))
    return integration_page(org_id, typed={"base_url": base_url}, connection_conflict=both), 412


@pages.post(f"{PATH}/signing-token")
@access(Permission.INTEGRATION)
def set_signing_token(org_id: uuid.UUID) -> ResponseReturnValue:
    """Save or remove the signing token of the webhook."""
    clear = pressed("clear")
    [token] = [""] if clear else sent("signing_token")
    if changed_meanwhile(org_id, SECRETS):
        both = both_secrets(find_integration(org_id))
        return integration_page(org_id, secrets_conflict=both), 412
    if not clear and not token:
        return page_with_errors(
            org_id, {"signing_token": ["Paste the signing token of the webhook."]}
        )
    return _change(org_id, IntegrationChange(signing_token=token))


@pages.post(f"{PATH}/webhook-secret")
@access(Permission.INTEGRATION)
def make_webhook_secret(org_id: uuid.UUID) -> ResponseReturnValue:
    """Generate a webhook secret; the next page shows it once."""
    if changed_meanwhile(org_id, SECRETS):
        both = both_secrets(find_integration(org_id))
        return integration_page(org_id, secrets_conflict=both), 412
    secret = generate_webhook_secret(current_principal())
    return redirect_and_show(url_for("pages.integration", org_id=org_id), secret=secret)


@pages.post(f"{PATH}/validate")
@access(Permission.INTEGRATION)
def validate_integration(org_id: uuid.UUID) -> ResponseReturnValue:
    """Check the token with GitLab now, and show the result."""
    try:
        result = validate_now(current_principal())
    except WAITS as refusal:
        flash(refusal.detail, "warning")
        return redirect(url_for("pages.integration", org_id=org_id))
    if result.status is ValidationStatus.VALID:
        flash(_accepted(result), "success")
    else:
        flash(_problem(result), "error")
    return redirect(url_for("pages.integration", org_id=org_id))


@pages.post(f"{PATH}/disconnect")
@access(Permission.INTEGRATION)
def disconnect(org_id: uuid.UUID) -> ResponseReturnValue:
    """Delete address, token and secrets."""
    if changed_meanwhile(org_id, SETTINGS):
        return integration_page(org_id, settings_conflict=True), 412
    reconnection.disconnect(current_principal())
    flash("Disconnected. The address, the token and the secrets were deleted.", "success")
    return redirect(url_for("pages.integration", org_id=org_id))


def _accepted(result: Validation) -> str:
    who = f"of {result.user.name} (@{result.user.username})" if result.user else ""
    version = f" {result.gitlab_version}" if result.gitlab_version else ""
    parts = [f"GitLab{version} accepts the token {who}".rstrip() + "."]
    if result.scopes is not None:
        listed = ", ".join(result.scopes).replace("granular", "fine-grained permissions")
        parts.append(f"Its scopes: {listed or 'none'}.")
    if result.missing_scopes:
        parts.append(f"Missing for some of the links: {', '.join(result.missing_scopes)}.")
    if result.expires_at is not None:
        parts.append(f"It expires on {day(result.expires_at.date())}.")
    return " ".join(parts)


def _change(
    org_id: uuid.UUID, change: IntegrationChange, typed: dict[str, Any] | None = None
) -> ResponseReturnValue:
    try:
        saved = save_connection(current_principal(), change)
    except LeavesGitLab as question:
        return integration_page(org_id, typed=typed or {}, leaving=question.detail), question.status
    except (Invalid, Conflict, *WAITS) as refusal:
        # What has no field of its own goes to the token, which cannot be kept then.
        return page_with_errors(org_id, refusal.errors or {"token": [refusal.detail]}, typed)
    flash(*_words(saved))
    return redirect(url_for("pages.integration", org_id=org_id))


def _words(saved: Saved) -> tuple[Any, str]:
    """The message about a saved change, and its category."""
    words = f"Saved. {LEFT_GITLAB}" if saved.configured.left_gitlab else "Saved."
    if saved.checked_later:
        return f"{words} The token is checked with GitLab in a moment.", "info"
    if saved.result is None:
        return words, "success"
    if saved.result.status is ValidationStatus.VALID:
        return f"{words} {_accepted(saved.result)}", "success"
    return _problem(saved.result, f"{words} But it does not work yet: "), "error"


def _problem(result: Validation, before: str = "") -> Any:
    """The message about a failed check. The open page takes it back when the connection works
    (health.js), if the connection has the problem now.
    """
    code = result.error_code or ErrorCode.NETWORK_ERROR
    text = before + in_words(code, result.reason)
    return {"text": text} if code in NOT_NOTED else {"text": text, "problem": code}


def page_with_errors(
    org_id: uuid.UUID, errors: dict[str, list[str]], typed: Mapping[str, Any] | None = None
) -> ResponseReturnValue:
    """The page again (422), with each message beside its field."""
    return integration_page(org_id, errors=errors, typed=typed or {}), 422


def integration_page(org_id: uuid.UUID, **shown: Any) -> str:
    """The page as it is now, with what is ``shown`` besides."""
    part, alerts = _health(org_id), alert_endpoint(org_id)
    row = part["health"].integration
    return render_template(
        "integration/show.html",
        **part,
        part=PART,
        tracker=tracker_fields(org_id),
        has_pending=has_pending(org_id, current_principal().role, Connection.of(row)),
        row=row,
        stats=delivery_stats(org_id),
        events=EVENT_NAMES.values(),
        policy=policy_of(row, None if alerts is None else alerts.url_host),
        versions=versions(row, alerts),
        mails=settings().mail_server is not None,
        **{"token_page": TOKEN_PAGE, "errors": {}, "typed": {}, **shown},
    )


def _health(org_id: uuid.UUID) -> dict[str, Any]:
    """What an open page follows. To ask for it also has workers check with GitLab."""
    health = report_of(org_id, utcnow())
    show_verdict(health.status)
    since = shown_since(health.integration)
    operations = [] if since is None else recent_operations(org_id, since)
    progress = None if since is None else hook_progress(org_id, since)
    costs = call_costs(org_id, health.integration, utcnow())
    facts = (
        *(health.status, health.findings, health.projects, health.checked_at, health.token),
        *(health.connection, costs.readings, operations, progress),
    )
    away = away_words(Connection.of(health.integration), shows_links=False)
    return {
        "org_id": org_id,
        "live": Live.of(url_for("pages.integration", org_id=org_id), away, *facts),
        "health": health,
        "headline": HEADLINES[health.status],
        "view": health.connection,
        "good_news": list(good_news(health)),
        "operations": operations,
        "hook_progress": progress,
        "lacking": [one for one in health.projects if lacks_hook(one) and not one.hook_wanted],
        "call_costs": costs,
    }
