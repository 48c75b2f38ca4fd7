"""The subset of GitLab's REST API v4 that a reader of issues and merge requests meets."""
