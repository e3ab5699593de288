"""Rows of tables, sent to their blocks and shards."""
