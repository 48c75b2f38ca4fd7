"""The list of tasks, the page of a task, and its timeline."""
