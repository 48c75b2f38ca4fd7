"""What waits on whom."""
