"""One commit per successful request, and nothing kept of any other."""

import pytest
from flask import Flask
from sqlalchemy import func, select

from gitlab_links.accounts.models import User
from gitlab_links.extensions import db

pytestmark = pytest.mark.differs_by_database


@pytest.fixture
def unguarded(small: Flask) -> Flask:
    """Without CSRF, which is another test's."""
    small.config["WTF_CSRF_METHODS"] = set()
    return small


def users(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(User)) or 0


def test_success_is_kept(unguarded: Flask) -> None:
    answer = unguarded.test_client().post("/api/t/users?email=a@example.com")
    assert (answer.status_code, users(unguarded)) == (201, 1)


@pytest.mark.parametrize("status", [400, 409, 422, 500])
def test_a_refusal_keeps_nothing(unguarded: Flask, status: int) -> None:
    path = f"/api/t/users?email=a@example.com&status={status}"
    assert unguarded.test_client().post(path).status_code == status
    assert users(unguarded) == 0


def test_a_commit_that_fails_is_no_success(unguarded: Flask) -> None:
    answer = unguarded.test_client().post("/api/t/late")
    assert (answer.status_code, answer.json["code"]) == (500, "internal_error")
    assert users(unguarded) == 0
    assert unguarded.test_client().post("/api/t/users?email=b@example.com").status_code == 201


def test_what_belongs_to_something_that_is_gone_may_be_tried_again(unguarded: Flask) -> None:
    answer = unguarded.test_client().post("/api/t/orphans")
    assert (answer.status_code, answer.json["code"]) == (503, "unavailable")
    assert answer.headers["Retry-After"] == "1"
    assert "Nothing was changed. Try again." in answer.json["detail"]
