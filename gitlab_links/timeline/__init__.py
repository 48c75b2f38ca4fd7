"""What happened to a task: its own changes, its links, and what their items did in GitLab."""
