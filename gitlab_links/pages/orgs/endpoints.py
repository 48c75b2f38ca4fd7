"""Where an org's events are sent: endpoints, their log, and sending again."""

import uuid
from functools import partial
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.roles import Permission
from gitlab_links.config.setting_values import DAY
from gitlab_links.errors import Conflict, Invalid, PreconditionFailed
from gitlab_links.extensions import settings
from gitlab_links.http.access import access
from gitlab_links.http.gitlab_waits import WAITS
from gitlab_links.http.guard import current_principal
from gitlab_links.http.mounting import path_here
from gitlab_links.outgoing.endpoints import (
    EndpointChange,
    create_endpoint,
    delete_endpoint,
    endpoints_of,
    find_endpoint,
    lock_endpoint,
    projects_to_choose,
    rotate_secret,
    update_endpoint,
)
from gitlab_links.outgoing.models import Format, OutgoingEndpoint, OutgoingStatus
from gitlab_links.outgoing.sent_log import DONE, find_sent, replay, sent_page
from gitlab_links.outgoing.trial import try_endpoint
from gitlab_links.outgoing.waiting import Waiting, next_attempt, waiting_for
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.form_fields import parsed, sent
from gitlab_links.pages.orgs.endpoint_edits import (
    LABELS,
    change_of,
    disputed,
    form_of,
    merged,
    version_of,
)
from gitlab_links.pages.orgs.endpoint_forms import (
    NOTHING,
    STATUS_MARKS,
    EndpointForm,
    fields_of,
    shown,
    state_mark,
    state_words,
    what_words,
)
from gitlab_links.pages.paging import part_behind
from gitlab_links.pages.shown_once import redirect_and_show, take_shown, unless_shown
from gitlab_links.plurals import counted

PATH = "/orgs/<uuid:org_id>/endpoints"
ONE = f"{PATH}/<uuid:endpoint_id>"
STATUSES = (("", "Any"), *((status.value, mark.text) for status, mark in STATUS_MARKS.items()))


@pages.get(PATH)
@access(Permission.ENDPOINTS)
def endpoint_list(org_id: uuid.UUID) -> ResponseReturnValue:
    """All endpoints, and the form for a new one."""
    return _list(org_id, NOTHING, {})


@pages.post(PATH)
@access(Permission.ENDPOINTS)
def make_endpoint(org_id: uuid.UUID) -> ResponseReturnValue:
    """Create an endpoint; its page shows the secret once."""
    form = EndpointForm.sent()
    if form.errors:
        return _list(org_id, form, form.errors), Invalid.status
    try:
        made = create_endpoint(current_principal(), Format(form.format), form.change(is_new=True))
    except Invalid as refusal:
        return _list(org_id, form, refusal.errors), Invalid.status
    except Conflict as refusal:
        flash(refusal.detail, "error")
        return redirect(url_for("pages.endpoint_list", org_id=org_id))
    page = url_for("pages.show_endpoint", org_id=org_id, endpoint_id=made.endpoint.id)
    flash("Created. Send a test to see whether it arrives.", "success")
    return redirect(page) if made.secret is None else redirect_and_show(page, secret=made.secret)


@pages.get(ONE)
@access(Permission.ENDPOINTS)
def show_endpoint(org_id: uuid.UUID, endpoint_id: uuid.UUID) -> ResponseReturnValue:
    """One endpoint: its state, its settings and its log."""
    endpoint = find_endpoint(org_id, endpoint_id)
    new = take_shown(path_here())
    return unless_shown(_one(endpoint, fields_of(endpoint), {}, new=new), new)


@pages.post(ONE)
@access(Permission.ENDPOINTS)
def change_endpoint(org_id: uuid.UUID, endpoint_id: uuid.UUID) -> ResponseReturnValue:
    """Change its settings; an empty address stays as it is. If somebody else changed the same
    meanwhile, show both first.
    """
    endpoint = lock_endpoint(org_id, endpoint_id)
    form, (version,) = EndpointForm.sent(), sent("version")
    both, errors = merged(endpoint, form, version), form.errors
    if both.disputed and not errors:
        conflicts = disputed(both, endpoint, projects_to_choose(org_id))
        shown_now = form_of(both, endpoint)
        return _one(endpoint, shown_now, {}, conflicts=conflicts), PreconditionFailed.status
    if not errors:
        try:
            update_endpoint(current_principal(), endpoint_id, change_of(both, endpoint))
        except Invalid as refusal:
            errors = refusal.errors
    if errors:
        return _one(endpoint, form, errors, version=version), Invalid.status
    flash(both.saved_words(LABELS), "success")
    return _back(org_id, endpoint_id)


@pages.post(f"{ONE}/switch")
@access(Permission.ENDPOINTS)
def switch_endpoint(org_id: uuid.UUID, endpoint_id: uuid.UUID) -> ResponseReturnValue:
    """Turn it on or off."""
    on = request.form.get("on") == "1"
    endpoint = update_endpoint(current_principal(), endpoint_id, EndpointChange(enabled=on))
    flash(_switched(endpoint), "success")
    return _back(org_id, endpoint_id)


@pages.post(f"{ONE}/secret")
@access(Permission.ENDPOINTS)
def renew_endpoint_secret(org_id: uuid.UUID, endpoint_id: uuid.UUID) -> ResponseReturnValue:
    """Replace the secret; the next page shows the new one once."""
    page = url_for("pages.show_endpoint", org_id=org_id, endpoint_id=endpoint_id)
    try:
        made = rotate_secret(current_principal(), endpoint_id)
    except Conflict as refusal:
        flash(refusal.detail, "error")
        return redirect(page)
    return redirect_and_show(page, secret=made.secret or "")


@pages.post(f"{ONE}/test")
@access(Permission.ENDPOINTS)
def test_endpoint(org_id: uuid.UUID, endpoint_id: uuid.UUID) -> ResponseReturnValue:
    """Send a test, and say what came of it."""
    try:
        outcome = try_endpoint(current_principal(), endpoint_id)
    except (Conflict, *WAITS) as refusal:
        flash(refusal.detail, "error")
        return _back(org_id, endpoint_id)
    if outcome.failure is None:
        flash(f"The test was accepted: {outcome.status} after {outcome.seconds:.1f} s.", "success")
    else:
        answer = f" The answer begins: {outcome.answer[:200]}" if outcome.answer.strip() else ""
        flash(f"The test was not accepted. {outcome.failure}{answer}", "error")
    return _back(org_id, endpoint_id)


@pages.post(f"{ONE}/delete")
@access(Permission.ENDPOINTS)
def end_endpoint(org_id: uuid.UUID, endpoint_id: uuid.UUID) -> ResponseReturnValue:
    """Delete it with its log."""
    delete_endpoint(current_principal(), endpoint_id)
    flash("Deleted. Nothing more is sent there.", "success")
    return redirect(url_for("pages.endpoint_list", org_id=org_id))


@pages.get(f"{ONE}/log/<uuid:sent_id>")
@access(Permission.ENDPOINTS)
def show_sent(org_id: uuid.UUID, endpoint_id: uuid.UUID, sent_id: uuid.UUID) -> ResponseReturnValue:
    """One event for an endpoint, with its attempts and the last answer."""
    delivery, endpoint = find_sent(org_id, endpoint_id, sent_id), find_endpoint(org_id, endpoint_id)
    return render_template(
        "endpoints/sent.html",
        org_id=org_id,
        endpoint=endpoint,
        delivery=delivery,
        next_at=next_attempt(endpoint, delivery.due_at),
        mark=STATUS_MARKS[OutgoingStatus(delivery.status)],
        may_replay=delivery.status in DONE,
    )


@pages.post(f"{ONE}/log/<uuid:sent_id>/replay")
@access(Permission.ENDPOINTS)
def replay_sent(
    org_id: uuid.UUID, endpoint_id: uuid.UUID, sent_id: uuid.UUID
) -> ResponseReturnValue:
    """Send it once more."""
    try:
        replay(current_principal(), endpoint_id, sent_id)
    except Conflict as refusal:
        flash(refusal.detail, "error")
    else:
        flash("It is sent again in a moment, with the same id.", "success")
    page = "pages.show_sent"
    return redirect(url_for(page, org_id=org_id, endpoint_id=endpoint_id, sent_id=sent_id))


def _switched(endpoint: OutgoingEndpoint) -> str:
    if not endpoint.enabled:
        return "It is off."
    events = waiting_for(endpoint).events
    waited = counted(events, "event that waited is", "events that waited are")
    return f"It is on. {waited} sent now." if events else "It is on. Nothing waited for it."


def _back(org_id: uuid.UUID, endpoint_id: uuid.UUID) -> ResponseReturnValue:
    return redirect(url_for("pages.show_endpoint", org_id=org_id, endpoint_id=endpoint_id))


def _list(org_id: uuid.UUID, form: EndpointForm, errors: dict[str, list[str]]) -> str:
    projects = projects_to_choose(org_id)
    return render_template(
        "endpoints/list.html",
        org_id=org_id,
        endpoints=[
            (one, state_mark(one), what_words(one, projects)) for one in endpoints_of(org_id)
        ],
        projects=projects,
        errors=errors,
        **shown(form),
    )


def _one(
    endpoint: OutgoingEndpoint, form: EndpointForm, errors: dict[str, list[str]], **more: Any
) -> str:
    status = parsed(OutgoingStatus, request.args.get("status", ""))
    filters = {"endpoint_id": endpoint.id, "status": status}
    read = partial(sent_page, endpoint.org_id, endpoint.id, status=status)
    rows, around = part_behind("pages.show_endpoint", endpoint.org_id, filters, read)
    is_well = endpoint.enabled and endpoint.failing_since is None
    days_kept = settings().sent_events_kept // DAY
    return render_template(
        "endpoints/show.html",
        endpoint=endpoint,
        mark=state_mark(endpoint),
        words=state_words(endpoint, Waiting() if is_well else waiting_for(endpoint), days_kept),
        signs=endpoint.format == Format.STANDARD,
        sent=rows,
        marks=STATUS_MARKS,
        statuses=STATUSES,
        days_kept=days_kept,
        projects=projects_to_choose(endpoint.org_id),
        errors=errors,
        **{
            "new": None,
            "version": version_of(endpoint),
            "conflicts": [],
            **around,
            **shown(form),
            **more,
        },
    )
