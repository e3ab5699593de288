"""Ids that tables name, against those that are there."""
