"""What a graph is: schema, tables, checks, data sets, compressed rows on disk.

What needs SciPy (data sets, propagation) loads when it is used: workers of sampling jobs do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfgnn_ext._lazy import lazy
from tfgnn_ext.graph.canonical_order import canonical_order, content_keys
from tfgnn_ext.graph.check_graph import GraphError, check_graph
from tfgnn_ext.graph.dataset import Dataset
from tfgnn_ext.graph.edge_set import EdgeSet
from tfgnn_ext.graph.feature import NEVER, Feature
from tfgnn_ext.graph.files import find_files
from tfgnn_ext.graph.graph import Graph
from tfgnn_ext.graph.ids_alone import ids_alone
from tfgnn_ext.graph.infer_schema import infer_schema
from tfgnn_ext.graph.link_seeds import LinkSeeds
from tfgnn_ext.graph.node_set import NodeSet
from tfgnn_ext.graph.ragged import Ragged
from tfgnn_ext.graph.read_tables import read_tables
from tfgnn_ext.graph.schema import (
    GraphSchema,
    SamplingSpec,
    new_schema,
    parse_message,
    parse_schema,
    read_schema,
    write_message,
    write_schema,
)
from tfgnn_ext.graph.seed_columns import SPLITS
from tfgnn_ext.graph.seeds import Seeds
from tfgnn_ext.graph.tables import TableFiles, read_table
from tfgnn_ext.graph.to_tables import to_tables
from tfgnn_ext.graph.without_identity import without_identity
from tfgnn_ext.graph.write_tables import write_tables
from tfgnn_ext.graph.write_unigraph import write_unigraph

if TYPE_CHECKING:
    from tfgnn_ext.graph import datasets
    from tfgnn_ext.graph.propagation import propagate_features, propagate_labels

_HOMES = {
    "datasets": "datasets",
    "propagate_features": "propagation",
    "propagate_labels": "propagation",
}

__all__ = [
    "NEVER",
    "SPLITS",
    "Dataset",
    "EdgeSet",
    "Feature",
    "Graph",
    "GraphError",
    "GraphSchema",
    "LinkSeeds",
    "NodeSet",
    "Ragged",
    "SamplingSpec",
    "Seeds",
    "TableFiles",
    "canonical_order",
    "check_graph",
    "content_keys",
    "datasets",
    "find_files",
    "ids_alone",
    "infer_schema",
    "new_schema",
    "parse_message",
    "parse_schema",
    "propagate_features",
    "propagate_labels",
    "read_schema",
    "read_table",
    "read_tables",
    "to_tables",
    "without_identity",
    "write_message",
    "write_schema",
    "write_tables",
    "write_unigraph",
]


__getattr__ = lazy(__name__, _HOMES)
