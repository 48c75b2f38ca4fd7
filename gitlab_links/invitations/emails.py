"""The e-mail with an invitation."""

import uuid

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from gitlab_links.emails.composition import PersonEmail
from gitlab_links.extensions import db
from gitlab_links.invitations.changes import LASTS, invitation_url
from gitlab_links.invitations.models import Invitation


def invitation_email(invitation_id: uuid.UUID, token: str) -> PersonEmail | None:
    """The words for the invited person; None if the invitation has ended.

    The same whether or not the address has an account.
    """
    found = db.session.scalars(
        select(Invitation)
        .options(joinedload(Invitation.org), joinedload(Invitation.invited_by))
        .where(Invitation.id == invitation_id)
    ).one_or_none()
    if found is None:
        return None
    org = found.org.name
    by = found.invited_by.name if found.invited_by else "An admin"
    return PersonEmail(
        to=found.email,
        subject=f"{by} invites you to {org}",
        lines=(
            f"{by} invites you to the org {org}, where tasks follow GitLab issues and "
            "merge requests.",
            f"The link works once, and for {LASTS.days} days.",
        ),
        button="Accept the invitation",
        url=invitation_url(token),
        closing="If you do not know the org, ignore this mail: nothing happens.",
    )
