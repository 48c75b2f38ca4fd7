"""Making the webhooks of projects that somebody picked, one after the other."""

import uuid

import structlog

from gitlab_links.accounts.members import standing_in_org
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Permission
from gitlab_links.clock import utcnow
from gitlab_links.errors import Conflict, NotFound
from gitlab_links.extensions import db
from gitlab_links.hooks.picking import WantedHook, claim_wanted_hook, settle_wanted_hook
from gitlab_links.hooks.repairs import TokenRefused
from gitlab_links.http.hooks import repair_now
from gitlab_links.sync.lease import may_call

log = structlog.get_logger(__name__)


def make_wanted_hook(org_id: uuid.UUID) -> bool:
    """Make one webhook in GitLab; says whether there may be another to make.

    Safe to run twice or never: it is claimed, and one that is there is set right instead.
    Nothing is made for somebody who may no longer have it made.
    """
    wanted = claim_wanted_hook(org_id, utcnow()) if may_call(org_id, utcnow()) else None
    db.session.commit()
    if wanted is None:
        return False
    principal = _asker(org_id, wanted)
    db.session.rollback()
    if principal is not None:
        try:
            repair_now(principal, wanted.project_row)
        except TokenRefused as refusal:
            # Claimed as it is, it is taken up again: the project is not to blame.
            log.warning("hook.not_made_yet", org_id=str(org_id), error=refusal.detail)
            return False
        except (Conflict, NotFound) as refusal:
            db.session.rollback()
            log.warning("hook.not_made", org_id=str(org_id), error=refusal.detail)
    settle_wanted_hook(wanted.watch_id)
    db.session.commit()
    return True


def _asker(org_id: uuid.UUID, wanted: WantedHook) -> Principal | None:
    """Who picked the project, as far as they still may."""
    if wanted.user_id is None:
        return None
    standing = standing_in_org(org_id, wanted.user_id)
    if standing is None:
        return None
    principal = Principal(org_id, wanted.user_id, standing.role)
    return principal if principal.may(Permission.INTEGRATION) else None
