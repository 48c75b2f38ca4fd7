"""Keeping items current: what is due, fetched in batches, applied in the right order."""
