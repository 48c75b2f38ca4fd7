"""Links from tasks to GitLab items, and the items, which are cached once per org."""
