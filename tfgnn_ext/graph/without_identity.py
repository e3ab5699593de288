"""Node sets whose nodes are told apart by their neighbours alone."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfgnn_ext.graph.feature import Feature
from tfgnn_ext.graph.graph import Graph
from tfgnn_ext.graph.schema import declare_feature, new_schema

ONE = "#one"


def without_identity(graph: Graph, node_set: str) -> Graph:
    """Gives nodes without features one that is the same for all, in place of an embedding of ids.

    An embedding is learned of the nodes that train; of others it says nothing. Nodes that stand for
    whole graphs are never met again: only their parts tell.

    Args:
      graph: The graph.
      node_set: Which; with features it stays as it is.

    >>> import numpy as np
    >>> from tfgnn_ext.graph.node_set import NodeSet
    >>> bare = Graph(new_schema(), {"graph": NodeSet(np.arange(2))}, {})
    >>> without_identity(bare, "graph").node_sets["graph"].features["#one"].values.tolist()
    [1.0, 1.0]
    """
    nodes = graph.node_sets[node_set]
    if nodes.features:
        return graph
    schema = new_schema()
    schema.CopyFrom(graph.schema)
    declare_feature(schema.node_sets[node_set], ONE, "DT_FLOAT")
    ones = Feature(np.ones(nodes.num_nodes, np.float32))
    known = dataclasses.replace(nodes, features={ONE: ones})
    return Graph(schema, {**graph.node_sets, node_set: known}, graph.edge_sets)
