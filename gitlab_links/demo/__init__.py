"""The service tried out: its processes on one machine, a simulated GitLab, sample data."""
