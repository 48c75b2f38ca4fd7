"""Lists as CSV files."""
