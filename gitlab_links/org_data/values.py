"""The values of an imported file: each must be one that this service could have written."""

import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import JSON, BigInteger, Boolean, Column, Date, DateTime, Integer, String, Uuid
from sqlalchemy.types import TypeDecorator

from gitlab_links.accounts.roles import Role
from gitlab_links.audit.models import ActorKind
from gitlab_links.events.models import EventType
from gitlab_links.gitlab.items import ItemState, ItemType
from gitlab_links.rule_states.models import RulesMode
from gitlab_links.rules.wanted import Rule, Wanted
from gitlab_links.tasks.models import TaskStatus

# A page fails on any other text in these columns.
WORDS: Mapping[str, type[StrEnum]] = {
    "memberships.role": Role,
    "tasks.status": TaskStatus,
    "tasks.status_rule": Rule,
    "events.type": EventType,
    "events.actor_kind": ActorKind,
    "audit_events.actor_kind": ActorKind,
    "gitlab_items.type": ItemType,
    "gitlab_items.state": ItemState,
    "org_status_rules.mode": RulesMode,
    "task_rule_states.wanted": Wanted,
    "task_rule_states.former_status": TaskStatus,
}
# Pages link to these.
ADDRESSES = frozenset({"url", "external_url", "base_url"})
# The export leaves out the address of a former member.
MAY_BE_MISSING = frozenset({"users.email"})


class Shape(StrEnum):
    """What a value of several parts is, in the words of the refusal."""

    OBJECT = "object"
    OBJECTS = "list of objects"
    TEXTS = "list of texts"


SHAPES: Mapping[str, Shape] = {
    "audit_events.detail": Shape.OBJECT,
    "events.cause": Shape.OBJECT,
    "events.changes": Shape.OBJECT,
    "events.detail": Shape.OBJECT,
    "gitlab_items.assignees": Shape.OBJECTS,
    "gitlab_items.author": Shape.OBJECT,
    "gitlab_items.labels": Shape.OBJECTS,
    "gitlab_items.mentions": Shape.OBJECT,
    "gitlab_items.merged_by": Shape.OBJECT,
    "gitlab_items.reviewers": Shape.OBJECTS,
    "gitlab_items.reviews": Shape.OBJECTS,
    "gitlab_items.unconfirmed_before": Shape.OBJECT,
    "org_gitlab_integrations.confidential_roles": Shape.TEXTS,
    "org_gitlab_integrations.gitlab_versions": Shape.OBJECT,
    "org_status_rules.branches": Shape.TEXTS,
    "task_gitlab_links.mentioned_in": Shape.TEXTS,
    "task_rule_states.reasons": Shape.OBJECTS,
}


class BadValueError(ValueError):
    """The value cannot be in its column; the text says what it is not."""


def read_value(column: Column[object], value: Any) -> Any:
    """The value as the column takes it; raises :class:`BadValueError`."""
    kind = column.type.impl if isinstance(column.type, TypeDecorator) else column.type
    if value is None:
        may_be = column.nullable or isinstance(kind, JSON) or str(column) in MAY_BE_MISSING
        return _checked(None, may_be, "missing")
    if isinstance(kind, Uuid):
        return read_id(value)
    if isinstance(kind, DateTime | Date):
        return _read_time(value, datetime if isinstance(kind, DateTime) else date)
    if isinstance(kind, String):
        return _read_text(column, kind, value)
    if isinstance(kind, JSON):
        return _read_parts(SHAPES[str(column)], value)
    if isinstance(kind, Boolean):
        _checked(value, isinstance(value, bool), "neither true nor false")
    elif isinstance(kind, Integer):
        bits = 63 if isinstance(kind, BigInteger) else 31
        is_number = isinstance(value, int) and not isinstance(value, bool)
        _checked(value, is_number and -(2**bits) <= value < 2**bits, "no such number")
    return value


def read_id(value: Any) -> uuid.UUID:
    """An id; raises :class:`BadValueError`."""
    try:
        return uuid.UUID(value)
    except (AttributeError, TypeError, ValueError):
        raise BadValueError("no id") from None


def _read_time(value: Any, kind: type[date]) -> date:
    try:
        moment = kind.fromisoformat(value)
    except (TypeError, ValueError):
        raise BadValueError("no time") from None
    return _instant(moment) if isinstance(moment, datetime) else moment


def _instant(moment: datetime) -> datetime:
    _checked(moment, moment.tzinfo is not None, "a time without a zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise BadValueError("no time") from None


def _read_text(column: Column[object], kind: String, value: Any) -> str:
    _checked(value, isinstance(value, str) and "\0" not in value, "no text")
    _checked(value, kind.length is None or len(value) <= kind.length, "too long")
    words = WORDS.get(str(column))
    _checked(value, words is None or value in set(words), "no word that is known here")
    is_address = column.name not in ADDRESSES or _is_web(value)
    return str(_checked(value, is_address, "no address of the web"))


def _read_parts(shape: Shape, value: Any) -> Any:
    part = str if shape is Shape.TEXTS else dict
    parts = [value] if shape is Shape.OBJECT else value
    is_good = isinstance(parts, list) and all(isinstance(one, part) for one in parts)
    _checked(value, is_good, f"no {shape}")
    return _checked(value, not _has_nul(value), "no text that can be stored")


def _has_nul(value: Any) -> bool:
    match value:
        case str():
            return "\0" in value
        case list():
            return any(map(_has_nul, value))
        case dict():
            return any(map(_has_nul, (*value, *value.values())))
    return False


def _is_web(text: str) -> bool:
    try:
        return urlsplit(text).scheme in {"http", "https"}
    except ValueError:
        return False


def _checked(value: Any, is_good: bool, why: str) -> Any:
    if not is_good:
        raise BadValueError(why)
    return value
