"""Links from tasks to GitLab items, and the items as cached once per org."""
