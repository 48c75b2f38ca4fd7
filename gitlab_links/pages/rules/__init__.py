"""The status rules, and what they do to a task."""
