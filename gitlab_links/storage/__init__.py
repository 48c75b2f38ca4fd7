"""Connections to PostgreSQL or SQLite and Redis, and private files."""
