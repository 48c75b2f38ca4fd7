"""Keep items current: find what is due, fetch it in batches, apply it in the right order."""
