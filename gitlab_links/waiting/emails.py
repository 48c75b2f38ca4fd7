"""The words of the daily mail."""

import uuid
from collections.abc import Sequence
from itertools import groupby

from gitlab_links.accounts.models import Org, User
from gitlab_links.emails.composition import EmailEntry, EmailList, PersonEmail
from gitlab_links.extensions import db, settings
from gitlab_links.plurals import counted
from gitlab_links.waiting.queries import WaitView, waiting_on
from gitlab_links.waiting.words import HEADINGS, days_waiting

MOST = 30


def digest_email(org_id: uuid.UUID, user_id: uuid.UUID) -> PersonEmail | None:
    """The mail of what waits on the member now; None if nothing does, or they are gone."""
    org, user = db.session.get(Org, org_id), db.session.get(User, user_id)
    waits = waiting_on(org_id, user_id).waiting
    if org is None or user is None or not waits:
        return None
    count = len(waits)
    what = counted(count, "merge request waits", "merge requests wait")
    more = [f"{count - MOST} more are on the page."] if count > MOST else []
    return PersonEmail(
        to=user.email,
        subject=f"{what} on you in {org.name}",
        lines=(f"{what} on you in {org.name}.", *more),
        lists=_lists(waits[:MOST]),
        button="Open the list",
        url=f"{settings().public_base_url}/orgs/{org_id}/waiting",
        closing="You asked for this mail on workdays. Turn it off on the page above.",
    )


def _lists(waits: Sequence[WaitView]) -> list[EmailList]:
    return [
        EmailList(HEADINGS[reason], [_entry(wait) for wait in group])
        for reason, group in groupby(waits, key=lambda one: one.reason)
    ]


def _entry(wait: WaitView) -> EmailEntry:
    facts = [wait.reference, days_waiting(wait.days), *(one.reference for one in wait.tasks)]
    known = [fact for fact in facts if fact]
    return EmailEntry(wait.title or wait.reference, ", ".join(known), wait.url)
