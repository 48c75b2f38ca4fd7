"""Finding tasks and links: filters and orders, the same for pages and API."""
