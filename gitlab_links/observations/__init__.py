"""Records that sync and webhooks write: the state of projects' hooks, and counts of events."""
