"""Tasks: the work items of an org that have links."""
