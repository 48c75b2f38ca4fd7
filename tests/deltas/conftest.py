"""An org connected to the simulated GitLab, as for the other jobs."""

from tests.jobs.conftest import connected, org, receive, send

__all__ = ["connected", "org", "receive", "send"]
