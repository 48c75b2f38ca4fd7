"""The story of an org whose rules are on."""

from tests.rules.conftest import project, story, untried

__all__ = ["project", "story", "untried"]
