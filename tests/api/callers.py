"""Callers of the API as tests need them: programs with keys, browsers with sessions, nobody."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from werkzeug.test import TestResponse

from gitlab_links.accounts.sessions import open_session
from gitlab_links.extensions import db

CSRF = "the token of the tests"


@dataclass
class Caller:
    """Sends requests as somebody; ``headers`` go along with each."""

    client: FlaskClient
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = {**self.headers, **options.pop("headers", {})}
        return self.client.open(path, method=method, headers=headers, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.call("GET", path, **options)

    def post(self, path: str, **options: Any) -> TestResponse:
        return self.call("POST", path, **options)

    def patch(self, path: str, **options: Any) -> TestResponse:
        return self.call("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> TestResponse:
        return self.call("DELETE", path, **options)


def program(app: Flask, secret: str) -> Caller:
    """Whoever sends this API key."""
    return Caller(app.test_client(), {"Authorization": f"Bearer {secret}"})


def browser(app: Flask, user_id: uuid.UUID, *, csrf: bool = True) -> Caller:
    """Somebody who is logged in; without ``csrf``, from another site."""
    with app.app_context():
        token = open_session(user_id)
        db.session.commit()
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = token
        session["csrf_token"] = CSRF
    signed = URLSafeTimedSerializer(app.secret_key, salt="wtf-csrf-token").dumps(CSRF)
    return Caller(client, {"X-CSRFToken": signed} if csrf else {})


def nobody(app: Flask) -> Caller:
    """No credentials at all."""
    return Caller(app.test_client())
