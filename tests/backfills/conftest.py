"""An org connected to the simulated GitLab."""

from tests.jobs.conftest import connected
from tests.mentions.conftest import key, mentioning

__all__ = ["connected", "key", "mentioning"]
