"""The webhook deliveries of an org: the list, one delivery, replay."""

import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from gitlab_links.accounts.roles import Permission
from gitlab_links.clock import utcnow
from gitlab_links.deliveries.models import DeliveryStatus, Doubt, Effect
from gitlab_links.deliveries.queries import DeliveryFilter, deliveries_page, find_delivery
from gitlab_links.deliveries.replay import DONE, replay
from gitlab_links.errors import Conflict
from gitlab_links.extensions import settings
from gitlab_links.gitlab.error_codes import EndedBy, facts_of
from gitlab_links.health.report import connection_view
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.links.queries import connection_of
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.connection.delivery_body import body_view, changes_here
from gitlab_links.pages.connection.delivery_words import DOUBTS, EFFECTS, PROOFS, doubt_mark
from gitlab_links.pages.form_fields import parsed
from gitlab_links.pages.live_parts import Live, answer_part, away_words, is_part
from gitlab_links.pages.paging import part_behind
from gitlab_links.pages.unapplied import typed_texts
from gitlab_links.pages.wording import Mark
from gitlab_links.sought_texts import sought

PART = "deliveries"
VIEW = "pages.delivery_list"
# The columns of the list, and so of its ETag.
LISTED = (
    "id",
    "event",
    "action",
    "project_path",
    "gitlab_type",
    "gitlab_iid",
    "status",
    "doubt",
    "links_matched",
    "attempts",
)
PATH = "/orgs/<uuid:org_id>/deliveries"

STATUS_MARKS = {
    DeliveryStatus.RECEIVED: Mark("Waiting", "amber", "clock"),
    DeliveryStatus.PROCESSING: Mark("Processing", "blue", "pipeline-running"),
    DeliveryStatus.PROCESSED: Mark("Processed", "green", "check"),
    DeliveryStatus.IGNORED: Mark("Ignored", "gray", "pipeline-skipped"),
    DeliveryStatus.FAILED: Mark("Failed", "red", "warning"),
}
STATUSES = (("", "Any"), *((status.value, mark.text) for status, mark in STATUS_MARKS.items()))
EVENTS = (
    ("", "Any"),
    *(
        (name, name.removesuffix(" Hook"))
        for name in (
            "Issue Hook",
            "Confidential Issue Hook",
            "Merge Request Hook",
            "Note Hook",
            "Confidential Note Hook",
            "Pipeline Hook",
            "System Hook",
        )
    ),
)
MEANINGS = {
    "processed": "The event was processed.",
    "ignored": "The event is not about an issue or merge request that is linked here.",
    "received": "A worker processes it in a moment.",
    "processing": "A worker is processing it.",
}


@pages.get(PATH)
@access(Permission.DELIVERIES)
def delivery_list(org_id: uuid.UUID) -> ResponseReturnValue:
    """One page of deliveries, newest first. An open page polls the list alone."""
    filters = filters_of(wanted_in(request.args))
    shown = _shown(org_id, filters)
    if is_part(PART):
        return answer_part("deliveries/results.html", shown)
    return render_template(
        "deliveries/list.html",
        **shown,
        part=PART,
        statuses=STATUSES,
        events=EVENTS,
        typed=typed_texts({name: filters[name] or "" for name in ("project", "id")}),
    )


def _shown(org_id: uuid.UUID, filters: Mapping[str, Any]) -> dict[str, Any]:
    read = partial(deliveries_page, org_id, wanted_in(request.args))
    deliveries, around = part_behind(VIEW, org_id, filters, read)
    seen = [tuple(getattr(one, name) for name in LISTED) for one in deliveries]
    return {
        **around,
        "live": Live.of(around["here_url"], _away(org_id), seen, around["older_url"]),
        "deliveries": deliveries,
        "marks": STATUS_MARKS,
        "doubt_mark": doubt_mark,
        "connection": partial(connection_view, org_id),
    }


def _away(org_id: uuid.UUID) -> str:
    """Events come without the token, and during a pause; not while GitLab is down."""
    connection = connection_of(org_id)
    code = connection.error_code
    is_down = connection.is_broken and facts_of(str(code)).ended_by is EndedBy.TIME
    return away_words(connection, shows_links=False) if is_down else ""


@pages.get(f"{PATH}/<uuid:delivery_id>")
@access(Permission.DELIVERIES)
def show_delivery(org_id: uuid.UUID, delivery_id: uuid.UUID) -> ResponseReturnValue:
    """One delivery: the request, its result and the reason."""
    delivery = find_delivery(org_id, delivery_id)
    status = DeliveryStatus(delivery.status)
    return render_template(
        "deliveries/show.html",
        org_id=org_id,
        delivery=delivery,
        mark=STATUS_MARKS[status],
        body=body_view(delivery.payload),
        reason=facts_of(delivery.error_code) if delivery.error_code else None,
        meaning=MEANINGS.get(status.value, ""),
        proof=PROOFS[delivery.proof],
        effect=EFFECTS[Effect(delivery.effect)] if delivery.effect else None,
        disbelief=DOUBTS[Doubt(delivery.doubt)] if delivery.doubt else None,
        doubt=doubt_mark(delivery.doubt),
        over_quota=delivery.payload is None
        and (utcnow() - delivery.received_at).total_seconds() < settings().webhook_bodies_kept,
        changes_here=changes_here(delivery.changes),
        may_replay=status in DONE and delivery.payload is not None,
    )


@pages.post(f"{PATH}/<uuid:delivery_id>/replay")
@access(Permission.DELIVERIES)
def replay_delivery(org_id: uuid.UUID, delivery_id: uuid.UUID) -> ResponseReturnValue:
    """Have it processed again."""
    try:
        replay(current_principal(), delivery_id)
    except Conflict as refusal:
        flash(refusal.detail, "error")
    else:
        flash("The delivery is queued again. A worker processes it in a moment.", "success")
    return redirect(url_for("pages.show_delivery", org_id=org_id, delivery_id=delivery_id))


def wanted_in(args: MultiDict[str, str]) -> DeliveryFilter:
    """Read the query string; a value that the form does not offer is ignored."""
    event = args.get("event", "")
    return DeliveryFilter(
        status=parsed(DeliveryStatus, args.get("status", "")),
        event=event if event in dict(EVENTS) and event else None,
        project_path=sought(args.get("project", "")) or None,
        any_id=sought(args.get("id", "")) or None,
    )


def filters_of(wanted: DeliveryFilter) -> dict[str, Any]:
    """The filters by their names in the address."""
    return {
        "status": wanted.status,
        "event": wanted.event,
        "project": wanted.project_path,
        "id": wanted.any_id,
    }
