"""The audit log: one row for each change of configuration, key, member, task, link or health."""
