"""Learn what changed in a project from GitLab's lists, at a cost that grows with the changes."""
