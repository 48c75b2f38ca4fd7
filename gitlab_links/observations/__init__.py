"""What sync and webhooks write down as it happens: webhooks of projects, counts of events."""
