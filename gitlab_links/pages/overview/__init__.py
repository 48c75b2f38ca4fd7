"""The overview of an org."""
