"""An org with a merge request of the simulated GitLab, as the jobs' tests have it."""

from tests.jobs.conftest import connected, org, send

__all__ = ["connected", "org", "send"]
