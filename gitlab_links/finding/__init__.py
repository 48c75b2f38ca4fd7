"""Finding tasks: filters and orders, the same for pages and API."""
