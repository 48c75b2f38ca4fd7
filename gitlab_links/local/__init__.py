"""Running the service on a single machine with ``make run``, and starting what it needs."""
