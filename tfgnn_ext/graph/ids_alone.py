"""Node sets that are known by their ids alone."""

from __future__ import annotations

from collections.abc import Sequence

from tfgnn_ext.graph.graph import Graph
from tfgnn_ext.graph.node_set import NodeSet
from tfgnn_ext.graph.schema import extra, new_schema, set_extra


def ids_alone(graph: Graph, node_sets: Sequence[str]) -> Graph:
    """Takes features and times away from node sets, so that models learn an embedding a node.

    What node sets beside the seeds' say of themselves is often noise; an id that many seeds share
    is not. Benchmarks of heterogeneous graphs know this as features of the target type only (Lv et
    al., "Are we really making much progress?", KDD 2021, section 6.1).

    Args:
      graph: The graph.
      node_sets: Which; a node set without features is that way already.

    Returns:
      The graph without them.

    Raises:
      ValueError: There is no such node set.

    >>> import numpy as np
    >>> from tfgnn_ext.graph import Feature
    >>> from tfgnn_ext.graph.schema import declare_feature
    >>> schema = new_schema()
    >>> declare_feature(schema.node_sets["n"], "x", "DT_FLOAT")
    >>> nodes = NodeSet(np.arange(2), {"x": Feature(np.zeros(2, np.float32))})
    >>> bare = ids_alone(Graph(schema, {"n": nodes}, {}), ["n"])
    >>> bare.node_sets["n"].features, dict(bare.schema.node_sets["n"].features)
    ({}, {})
    """
    unknown = sorted(set(node_sets) - set(graph.node_sets))
    if unknown:
        raise ValueError(
            f"`node_sets` of `ids_alone` must be of {', '.join(sorted(graph.node_sets))}. Got "
            f"{', '.join(unknown)}."
        )
    schema = new_schema()
    schema.CopyFrom(graph.schema)
    for name in node_sets:
        message = schema.node_sets[name]
        message.ClearField("features")
        kept = {k: v for k, v in extra(message).items() if not _is_of_features(k)}
        message.metadata.ClearField("extra")
        set_extra(message, kept)
    bare = {name: NodeSet(graph.node_sets[name].ids) for name in node_sets}
    return Graph(schema, {**graph.node_sets, **bare}, graph.edge_sets)


def _is_of_features(key: str) -> bool:
    return key == "times" or key.startswith("known_at.")
