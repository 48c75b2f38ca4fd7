"""Make the request for an event: what is sent is built each time, so that nothing confidential
that it became meanwhile leaves, and that a new secret signs.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Row, select

from gitlab_links.accounts.models import Org, User
from gitlab_links.errors import DomainError
from gitlab_links.events.models import Event, EventType
from gitlab_links.extensions import db
from gitlab_links.links.event_visibility import event_withheld
from gitlab_links.links.models import GitLabItem
from gitlab_links.outgoing.alerts import alert_body, connection_url
from gitlab_links.outgoing.bodies import event_body
from gitlab_links.outgoing.chat import ChatFacts, chat_text
from gitlab_links.outgoing.emails import email_of
from gitlab_links.outgoing.models import Format, OutgoingEndpoint
from gitlab_links.outgoing.signatures import SECRET, URL, signed_headers, unseal
from gitlab_links.outgoing.transport import Request

EventRow = Row[*tuple[Any, ...]]

BODY_BYTES = 8 * 1024
_OPTIONS = orjson.OPT_UTC_Z


def requests_for(
    endpoint: OutgoingEndpoint, event_ids: Sequence[uuid.UUID], now: datetime
) -> Mapping[uuid.UUID, Request | Exception]:
    """The requests by the ids of their events, or the errors that nobody expected while they were
    made. An event that may not be sent any more, or was deleted, has none. Raises the conflicts of
    encryption keys.
    """
    url = unseal(endpoint.url_ciphertext, endpoint.org_id, endpoint.id, URL)
    rows = db.session.execute(
        select(Event, event_withheld().label("hidden"), GitLabItem.title, User.name, Org.name)
        .join(Org, Org.id == Event.org_id)
        .outerjoin(GitLabItem, GitLabItem.id == Event.item_id)
        .outerjoin(User, User.id == Event.actor_user_id)
        .where(Event.id.in_(event_ids))
    ).all()
    made = {row.Event.id: _made(endpoint, url, row, now) for row in rows}
    return {event_id: one for event_id, one in made.items() if one is not None}


def _made(
    endpoint: OutgoingEndpoint, url: str, row: EventRow, now: datetime
) -> Request | Exception | None:
    try:
        return _request(endpoint, url, row, now)
    except DomainError:
        raise
    except Exception as error:
        from rq.timeouts import JobTimeoutException  # the web processes do without rq

        if isinstance(error, JobTimeoutException):
            raise
        return error  # of this event alone: the others are sent


def _request(endpoint: OutgoingEndpoint, url: str, row: EventRow, now: datetime) -> Request | None:
    event, hidden, title, person, org_name = row
    if endpoint.format == Format.STANDARD:
        body = standard_body(event, withheld=bool(hidden))
        return signed_request(endpoint, url, str(event.id), body, now)
    if endpoint.format == Format.EMAIL:
        return Request(url, {}, b"", email_of(alert_body(event, org_name), url))
    if hidden:
        return None
    facts = ChatFacts(event_body(event, withheld=False), title, person, org_name)
    message = {"text": chat_text(facts)}
    if event.type == EventType.CONNECTION_HEALTH_CHANGED:
        text = f"{message['text']} {connection_url(endpoint.org_id)}"
        message = alert_body(event, org_name) | {"text": text}
    return Request(url, {}, orjson.dumps(message))


def signed_request(
    endpoint: OutgoingEndpoint, url: str, message_id: str, body: bytes, now: datetime
) -> Request:
    """A request in the format of Standard Webhooks."""
    headers = signed_headers(message_id, now, body, signing_secrets(endpoint, now))
    return Request(url, headers, body)


def signing_secrets(endpoint: OutgoingEndpoint, now: datetime) -> list[str]:
    """The secret, and the former one while it is valid."""
    sealed = [endpoint.secret_ciphertext]
    if endpoint.former_secret_until is not None and endpoint.former_secret_until > now:
        sealed.append(endpoint.former_secret_ciphertext)
    return [unseal(one, endpoint.org_id, endpoint.id, SECRET) for one in sealed if one is not None]


def standard_body(event: Event, *, withheld: bool) -> bytes:
    """The body, of at most 8 KB: changes that are longer are named without their values."""
    body = event_body(event, withheld=withheld)
    encoded = orjson.dumps(body, option=_OPTIONS)
    if len(encoded) <= BODY_BYTES:
        return encoded
    short: dict[str, Any] = orjson.loads(encoded)
    short["data"]["changes"] = {}
    short["data"]["cause"] = None
    short["data"]["detail"] = {"shortened": sorted(event.changes)}
    return orjson.dumps(short)
