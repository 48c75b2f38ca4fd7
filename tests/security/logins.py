"""Logging in as a browser does, by the form and its token."""

import re

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.security.conftest import PASSWORD


def log_in(
    client: FlaskClient, password: str = PASSWORD, email: str = "ana@example.com", **options: str
) -> TestResponse:
    base = options.pop("base_url", "http://localhost")
    page = client.get("/login", base_url=base).get_data(as_text=True)
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    form = {"email": email, "password": password, "csrf_token": found.group(1)}
    headers = {"Referer": f"{base}/login", **options}
    return client.post("/login", data=form, base_url=base, headers=headers)
