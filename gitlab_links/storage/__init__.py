"""What is stored where, and how it is reached: PostgreSQL or SQLite, Redis, private files."""
