"""A simulated GitLab that speaks HTTP: for the demo, the tests and the benchmarks.

``SimulatedGitLab.start()`` gives a running one; its ``state`` is changed by plain calls.
"""

from gitlab_links.demo.gitlab.app import create_gitlab
from gitlab_links.demo.gitlab.server import SimulatedGitLab
from gitlab_links.demo.gitlab.state import GitLabState

__all__ = ["GitLabState", "SimulatedGitLab", "create_gitlab"]
