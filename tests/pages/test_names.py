"""One rule for names, whichever door they come by and whatever they name."""

import pytest

from gitlab_links.accounts.roles import Role, Scope
from tests.api.callers import program
from tests.pages.conftest import As

MISLEADING = ("CI\u202egnp.exe", "CI\u200b", " ", "x" * 101, "\U000e0043\U000e0049")
NAMED = ("members", "api-keys", "service-accounts", "org")


@pytest.fixture
def admin(app, factory, org):
    return program(app, factory.api_key(org))


@pytest.mark.parametrize("what", NAMED)
def test_the_api_takes_no_misleading_name(admin, org, what):
    for name in MISLEADING:
        refused = name_by_api(admin, org, what, name)
        assert (refused.status_code, [*refused.json["errors"]]) == (422, ["name"]), name


@pytest.mark.parametrize("what", NAMED)
def test_the_api_stores_a_name_without_the_blanks_around_it(admin, org, what):
    made = name_by_api(admin, org, what, "  Ana ")
    assert made.status_code in {200, 201}, made.json
    (shown,) = (value for value in made.json.values() if isinstance(value, dict))
    assert shown["name"] == "Ana"


@pytest.mark.parametrize("what", ["api-keys", "api-keys/service-accounts", "settings"])
def test_no_page_takes_a_misleading_name(acting: As, org, what):
    visitor = acting(Role.ADMIN)
    for name in MISLEADING:
        rest = {
            "scopes": ["read"],
            "expires": "30",
            "role": "pm",
            "task_key": "ACME",
            "version": "",
        }
        refused = visitor.post(f"/orgs/{org.id}/{what}", data={"name": name, **rest})
        assert refused.status_code == 422, name
        assert "Enter a name of 1 to 100 characters" in refused.text, name


def name_by_api(admin, org, what, name):
    base = f"/api/orgs/{org.id}"
    match what:
        case "members":
            new = {"email": "ana@example.com", "name": name, "role": Role.PM}
            return admin.post(f"{base}/members", json=new)
        case "api-keys":
            return admin.post(f"{base}/api-keys", json={"name": name, "scopes": [Scope.READ]})
        case "service-accounts":
            return admin.post(f"{base}/service-accounts", json={"name": name, "role": Role.PM})
        case _:
            return admin.patch(base, json={"name": name})
