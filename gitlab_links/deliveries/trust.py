"""Decide how far a delivery's body is trusted, by its proof and its content."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import and_, select

from gitlab_links.deliveries.claims import ClaimedDelivery
from gitlab_links.deliveries.models import Doubt, Proof
from gitlab_links.extensions import db
from gitlab_links.gitlab.web_address import AddressError, parse_web_address
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.models import GitLabProject
from gitlab_links.observations.models import GitLabWebhookTally, TallyKind
from gitlab_links.observations.webhook_tallies import Tally
from gitlab_links.sync.ordering import Trust

INSTANCE = "X-Gitlab-Instance"
# After a contradiction, events of the project by the shared secret are not applied for this long.
DISTRUSTED_FOR = timedelta(days=7)
MAX_SHOWN_INSTANCE = 200


@dataclass(slots=True)
class BodyChecks:
    """The checks of one batch of deliveries. ``others`` collects those of other instances.

    ``distrusted`` are the project rows with a contradicted event by the shared secret, since
    the secret was set.
    """

    org_id: uuid.UUID
    base_url: str | None
    origin: tuple[str, str, int | None] | None
    distrusted: frozenset[str]
    others: list[ClaimedDelivery] = field(default_factory=list)

    @classmethod
    def of(cls, org_id: uuid.UUID, now: datetime) -> "BodyChecks":
        """Read the data for the checks in one statement per batch."""
        integration, tally = OrgGitLabIntegration.__table__.c, GitLabWebhookTally.__table__.c
        rows = db.session.execute(
            select(
                integration.base_url,
                integration.webhook_secret_set_at,
                tally.subject,
                tally.last_at,
            )
            .select_from(OrgGitLabIntegration.__table__)
            .outerjoin(
                GitLabWebhookTally.__table__,
                and_(
                    tally.org_id == integration.org_id,
                    tally.kind == TallyKind.CONTRADICTED.value,
                    tally.day >= (now - DISTRUSTED_FOR).date(),
                ),
            )
            .where(integration.org_id == org_id)
        ).all()
        return cls(
            org_id,
            next((row.base_url for row in rows), None),
            next((_origin(row.base_url) for row in rows), None),
            frozenset(
                row.subject
                for row in rows
                if row.subject is not None
                and still_distrusted(row.last_at, row.webhook_secret_set_at, now)
            ),
        )

    def doubt(self, delivery: ClaimedDelivery, project: GitLabProject | None) -> Doubt | None:
        """Why the body is not used for ``project``, the event's project; None if it is used.

        Collects deliveries of other instances for :meth:`tallies`.
        """
        if self.is_of_another_instance(delivery):
            self.others.append(delivery)
            return Doubt.OTHER_INSTANCE
        if project is None:
            return None
        if delivery.proof is Proof.HOOK:
            return None if delivery.hook_project_id == project.id else Doubt.OTHER_PROJECT
        if project.gitlab_id is None:
            # The project was found by the body's path, and GitLab's API has not confirmed it yet.
            return Doubt.UNKNOWN_PROJECT
        return Doubt.DISTRUSTED if str(project.id) in self.distrusted else None

    def is_of_another_instance(self, delivery: ClaimedDelivery) -> bool:
        """Whether a GitLab at another address says that it sent the delivery."""
        instance = delivery.headers.get(INSTANCE)
        return instance is not None and _origin(instance) != self.origin

    @staticmethod
    def is_of_own_hook(delivery: ClaimedDelivery, project: GitLabProject | None) -> bool:
        """Whether the project's own webhook sent the delivery."""
        own = delivery.hook_project_id
        return project is not None and own is not None and own == project.id

    def tallies(self) -> list[Tally]:
        """The counts to store."""
        if not self.others:
            return []
        times = [one.received_at for one in self.others]
        instance = str(self.others[-1].headers.get(INSTANCE))
        shown = "".join(sign for sign in instance if sign.isprintable())[:MAX_SHOWN_INSTANCE]
        detail = {"instance": shown, "delivery_id": str(self.others[-1].id)}
        return [Tally(TallyKind.OTHER_INSTANCE, len(times), min(times), max(times), detail=detail)]


def still_distrusted(last_at: datetime, secret_set_at: datetime | None, now: datetime) -> bool:
    """Whether a contradiction still counts; a new secret or DISTRUSTED_FOR ends it."""
    renewed = secret_set_at is not None and secret_set_at > last_at
    return last_at > now - DISTRUSTED_FOR and not renewed


def trust_in(delivery: ClaimedDelivery, doubt: Doubt | None) -> Trust:
    """The trust in a body when it is applied."""
    if doubt is not None:
        return Trust.NONE
    return Trust.PROVEN if delivery.proof is Proof.HOOK else Trust.UNTIL_CONFIRMED


def _origin(url: str | None) -> tuple[str, str, int | None] | None:
    """Scheme, host and port; None if the text is not an address."""
    try:
        address = parse_web_address(url)
    except AddressError:
        return None
    return (address.scheme, address.host, address.port)
