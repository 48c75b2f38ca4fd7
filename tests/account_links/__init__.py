"""Links that change an account."""
