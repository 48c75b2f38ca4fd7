"""Background jobs, their schedule, and the worker processes."""
