"""gitlab_links: tasks that show their GitLab issues and merge requests as they are now."""

# The one place of the version: setup.cfg reads it here, `make release` writes it.
__version__ = "0.1.0"
