"""Data sets by name."""

from tfgnn_ext.graph.datasets.load import NAMES, cache_directory, load

__all__ = ["NAMES", "cache_directory", "load"]
