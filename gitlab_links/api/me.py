"""/api/me"""

from typing import Any

from gitlab_links.accounts.people import find_user
from gitlab_links.api.blueprints import accounts
from gitlab_links.api.schemas.accounts import MeEnvelope
from gitlab_links.http.access import signed_in
from gitlab_links.http.guard import current_caller


@accounts.get("/api/me")
@signed_in
@accounts.returns(200, MeEnvelope)
def me_get() -> dict[str, Any]:
    """Show who is calling

    The person and, for a call with an API key, the org, role and scopes of the key.
    """
    caller = current_caller()
    key = caller.key
    return {
        "me": {
            "user": find_user(caller.user_id),
            "api_key": key
            and {
                "id": key.api_key_id,
                "org_id": key.org_id,
                "role": key.role,
                "scopes": sorted(key.scopes or ()),
            },
        }
    }
