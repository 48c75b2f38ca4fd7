"""Running the service on one person's machine: processes, and what the machine lacks."""
