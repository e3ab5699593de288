"""Shards of samples on Beam."""
