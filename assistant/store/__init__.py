"""The catalog in SQL and the index generations derived from it."""
