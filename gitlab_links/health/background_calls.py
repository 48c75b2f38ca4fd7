"""Calls to an org's GitLab that no request waits for: of checks, operations, looks back.

If GitLab asks for a pause, the whole connection pauses. A request that waits for GitLab says
that to whoever sent it instead.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.gitlab.answers import GitLabFailure
from gitlab_links.integrations.changes import lock_integration
from gitlab_links.integrations.credentials import Client, Credentials, still_has
from gitlab_links.sync.pausing import note_failure


@contextmanager
def background_client(
    org_id: uuid.UUID,
    credentials: Credentials,
    kind: type[Client],
    *,
    whole_seconds: float | None = None,
) -> Iterator[Client]:
    """A client like that of the credentials. After a 429 it makes no further call, and the
    connection pauses for as long as GitLab says, whatever became of the failure in the block.

    No transaction may be open at the end of the block: the pause is committed there.
    """
    with credentials.client(kind, whole_seconds=whole_seconds) as client:
        try:
            yield client
        finally:
            if client.limited_by is not None:
                _pause(org_id, credentials, client.limited_by)


def _pause(org_id: uuid.UUID, credentials: Credentials, failure: GitLabFailure) -> None:
    """Pause the connection, unless an admin has set another token meanwhile."""
    db.session.rollback()
    integration = lock_integration(org_id)
    if integration is not None and still_has(integration, credentials.token):
        note_failure(integration, failure, utcnow())
    db.session.commit()
