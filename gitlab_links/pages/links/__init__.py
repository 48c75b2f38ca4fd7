"""The links of a task and of an org."""
