"""A job's tables, found and checked before it runs."""
