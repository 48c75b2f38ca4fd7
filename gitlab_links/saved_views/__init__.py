"""Lists of tasks with a name: a member's own, and those of the whole org."""
