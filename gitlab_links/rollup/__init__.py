"""The roll-up of a task: what its links say about it, and whom it waits for."""
