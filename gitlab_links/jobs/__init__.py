"""Background work: what workers run, the schedule, and the worker processes."""
