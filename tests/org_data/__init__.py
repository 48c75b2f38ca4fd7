"""All data of an org at once."""
