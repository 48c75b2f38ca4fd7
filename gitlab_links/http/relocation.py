"""Moving to another address of the same GitLab from a door: no transaction open meanwhile."""

from gitlab_links.accounts.principal import Principal
from gitlab_links.extensions import db
from gitlab_links.http.gitlab_waits import waiting_for_gitlab
from gitlab_links.sync.relocation import Moved, keep_move, prepare_move, verify_move


def move_now(principal: Principal, base_url: str, token: str) -> Moved:
    """Verify with the new token and carry everything over; takes as long as GitLab.

    Raises what ``prepare_move``, ``verify_move``, ``keep_move`` and ``waiting_for_gitlab``
    raise.
    """
    move = prepare_move(principal.org_id, base_url, token)
    db.session.commit()
    with waiting_for_gitlab(principal.org_id):
        verified = verify_move(move)
    return keep_move(principal, move, verified)
