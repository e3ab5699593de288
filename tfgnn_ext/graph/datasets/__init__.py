"""Data sets by name, and readers of the formats they come in."""

from tfgnn_ext.graph.datasets.choose_split import choose_split
from tfgnn_ext.graph.datasets.heterophilous import read_heterophilous
from tfgnn_ext.graph.datasets.hgb import read_hgb
from tfgnn_ext.graph.datasets.load import NAMES, Name, cache_directory, load, schema, version
from tfgnn_ext.graph.datasets.npz import read_npz
from tfgnn_ext.graph.datasets.ogb import read_ogb
from tfgnn_ext.graph.datasets.planetoid import read_planetoid
from tfgnn_ext.graph.datasets.sources import FORMATS
from tfgnn_ext.graph.datasets.tu import read_tu

__all__ = [
    "FORMATS",
    "NAMES",
    "Name",
    "cache_directory",
    "choose_split",
    "load",
    "read_heterophilous",
    "read_hgb",
    "read_npz",
    "read_ogb",
    "read_planetoid",
    "read_tu",
    "schema",
    "version",
]
