"""Looking back for mentions of tasks in what GitLab has had for long."""
