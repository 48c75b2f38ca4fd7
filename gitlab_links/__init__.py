"""gitlab_links: tasks that show their GitLab issues and merge requests as they are now."""
