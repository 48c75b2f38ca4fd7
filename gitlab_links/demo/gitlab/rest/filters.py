"""The query parameters of item lists."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Any

from flask import request

from gitlab_links.demo.gitlab.records import Issue, Item
from gitlab_links.demo.gitlab.rest import errors

Test = Callable[[Item], bool]

ORDERS: dict[str, Callable[[Item], Any]] = {
    "created_at": lambda item: item.id,
    "updated_at": lambda item: (item.updated_at, item.id),
    "title": lambda item: (item.title.lower(), item.id),
    "due_date": lambda item: (getattr(item, "due_date", None) or date.max, item.id),
}


def filtered(items: Iterable[Item]) -> list[Item]:
    """Those the request asks for, in its order: newest first unless it says otherwise."""
    tests = [*_iid_test(), *_state_test(), *_word_tests(), *_time_tests(), *_flag_tests()]
    order = request.args.get("order_by", "created_at")
    direction = request.args.get("sort", "desc")
    if order not in ORDERS:
        raise errors.bad_parameter("order_by", "does not have a valid value")
    if direction not in ("asc", "desc"):
        raise errors.bad_parameter("sort", "does not have a valid value")
    found = [item for item in items if all(test(item) for test in tests)]
    return sorted(found, key=ORDERS[order], reverse=direction == "desc")


def flag(name: str) -> bool | None:
    """A boolean parameter, ``None`` where it is absent."""
    text = request.args.get(name)
    if text is None:
        return None
    if text.lower() not in ("true", "false", "1", "0"):
        raise errors.bad_parameter(name)
    return text.lower() in ("true", "1")


def _iid_test() -> list[Test]:
    texts = request.args.getlist("iids[]") or request.args.getlist("iids")
    if not texts:
        return []
    if not all(text.isascii() and text.isdecimal() for text in texts):
        raise errors.bad_parameter("iids")
    iids = {int(text) for text in texts}
    return [lambda item: item.iid in iids]


def _state_test() -> list[Test]:
    wanted = request.args.get("state", "all")
    if wanted == "all":
        return []
    if wanted not in ("opened", "closed", "merged", "locked"):
        raise errors.bad_parameter("state", "does not have a valid value")
    return [lambda item: item.state == wanted]


def _word_tests() -> list[Test]:
    tests: list[Test] = []
    if labels := request.args.get("labels"):
        names = set(labels.split(","))
        tests.append(lambda item: names <= {label.name for label in item.labels})
    if milestone := request.args.get("milestone"):
        tests.append(lambda item: item.milestone is not None and item.milestone.title == milestone)
    if author := request.args.get("author_username"):
        tests.append(lambda item: item.author.username == author)
    if assignee := request.args.get("assignee_username"):
        tests.append(lambda item: assignee in {user.username for user in item.assignees})
    if search := request.args.get("search", "").lower():
        tests.append(lambda item: search in f"{item.title}\n{item.description}".lower())
    if issue_type := request.args.get("issue_type"):
        tests.append(lambda item: isinstance(item, Issue) and item.type == issue_type)
    return tests


def _time_tests() -> list[Test]:
    tests: list[Test] = []
    if (after := _time("updated_after")) is not None:
        tests.append(lambda item: item.updated_at >= after)
    if (before := _time("updated_before")) is not None:
        tests.append(lambda item: item.updated_at <= before)
    if (since := _time("created_after")) is not None:
        tests.append(lambda item: item.created_at >= since)
    if (until := _time("created_before")) is not None:
        tests.append(lambda item: item.created_at <= until)
    return tests


def _flag_tests() -> list[Test]:
    confidential = flag("confidential")
    if confidential is None:
        return []
    return [lambda item: isinstance(item, Issue) and item.confidential is confidential]


def _time(name: str) -> datetime | None:
    text = request.args.get(name)
    if text is None:
        return None
    try:
        # An unencoded "+" of an offset arrives as a space.
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise errors.bad_parameter(name) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
