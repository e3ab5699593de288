"""A whole graph as one GraphTensor, and which of its nodes are the seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.graph import Graph
from tfgnn_ext.graph.timed_parts import timed_parts
from tfgnn_ext.sampling.known_features import edge_times
from tfgnn_ext.tensors.graph_tensors import ID
from tfgnn_ext.tensors.set_features import SetFeatures

_SEEDS = "#seeds/"


class WholeGraph:
    """One scalar GraphTensor of a single component: all nodes and edges, in the graph's order.

    Features have the names, types and codes of sampled batches (see `GraphTensors`), so that one
    `InputSpec` and one template serve both: a sample that drew every neighbour holds the same
    values. A node set without features gets ``#id``, row + 1.

    Which nodes are read is a context feature, ``#seeds/<node set>``, int32 ``[1, num_seeds]``: in a
    sampled batch each component has one seed, its first node; here one component has many, anywhere
    (see `read_seeds`).

    Args:
      graph: A graph that is the same at all times.
      latent: Node sets that deliver their ids; default: those without features.

    Raises:
      ValueError: A feature becomes known in time, or edges have times. What a seed may see of such
        a graph depends on the seed's time, so that no single graph is right for all seeds.

    >>> from tfgnn_ext.graph import EdgeSet, NodeSet, new_schema
    >>> schema = new_schema()
    >>> schema.node_sets["n"].SetInParent()
    >>> schema.edge_sets["e"].source = schema.edge_sets["e"].target = "n"
    >>> edges = EdgeSet("n", "n", np.array([0, 1, 2, 2]), np.array([2, 0], np.int32))
    >>> graph = Graph(schema, {"n": NodeSet(np.array([4, 5, 6]))}, {"e": edges})
    >>> tensor = WholeGraph(graph).at("n", tf.constant([2, 0]))
    >>> tensor.node_sets["n"]["#id"].numpy().tolist()
    [1, 2, 3]
    >>> tensor.edge_sets["e"].adjacency.source.numpy().tolist(), seeds_of(tensor)[0]
    ([0, 1], 'n')
    """

    def __init__(self, graph: Graph, *, latent: Sequence[str] | None = None) -> None:
        timed = timed_parts(graph)
        if timed:
            raise ValueError(
                "`graph` of `WholeGraph` must be the same at all times: what a seed may see of it "
                f"would depend on the seed's time, so sample it instead. Got {'; '.join(timed)}."
            )
        self.graph = graph
        if latent is None:
            latent = [name for name, part in graph.node_sets.items() if not part.features]
        node_sets, edge_sets = {}, {}
        for name, nodes in graph.node_sets.items():
            rows = tf.range(nodes.num_nodes)
            features = SetFeatures(nodes.features, nodes.times, timed=False)(rows, None)
            if name in latent:
                features[ID] = rows + 1
            node_sets[name] = tfgnn.NodeSet.from_fields(sizes=[nodes.num_nodes], features=features)
        for name, edges in graph.edge_sets.items():
            read = SetFeatures(edges.features, edge_times(edges), timed=False)
            edge_sets[name] = tfgnn.EdgeSet.from_fields(
                sizes=[edges.num_edges],
                features=read(tf.range(edges.num_edges), None),
                adjacency=tfgnn.Adjacency.from_indices(
                    (edges.source, tf.constant(edges.source_rows)),
                    (edges.target, tf.constant(np.asarray(edges.targets))),
                ),
            )
        self.tensor = tfgnn.GraphTensor.from_pieces(
            tfgnn.Context.from_fields(sizes=[1]), node_sets, edge_sets
        )

    def at(self, node_set: str, rows: tf.Tensor) -> tfgnn.GraphTensor:
        """The graph with the seeds' rows.

        Args:
          node_set: Of the seeds.
          rows: int32 ``[num_seeds]``.
        """
        return with_seeds(self.tensor, node_set, rows)


def with_seeds(graph: tfgnn.GraphTensor, node_set: str, rows: tf.Tensor) -> tfgnn.GraphTensor:
    """A graph of one component that says which nodes its seeds are."""
    context = tfgnn.Context.from_fields(
        sizes=graph.context.sizes, features={_SEEDS + node_set: rows[None, :]}
    )
    return tfgnn.GraphTensor.from_pieces(context, graph.node_sets, graph.edge_sets)


def seeds_of(graph: tfgnn.GraphTensor) -> tuple[str, tf.Tensor] | None:
    """The seeds' node set and rows ``[num_seeds]`` of a whole graph; None for sampled batches."""
    for name, rows in graph.context.features.items():
        if name.startswith(_SEEDS):
            return name.removeprefix(_SEEDS), rows[0]
    return None


def read_seeds(inputs: tfgnn.GraphTensor, outputs: tfgnn.GraphTensor) -> tfgnn.GraphTensor:
    """A template's output in the form that tasks read: one component a seed, its first node.

    Args:
      inputs: What the template was given.
      outputs: What it returned: the seed node set with all of its nodes, in order, or of a template
        that sends no messages the seeds alone.

    Returns:
      `outputs` itself where it has that form already; for a whole graph, the seeds' states alone,
      in the order of the seeds.

    >>> graph = tfgnn.GraphTensor.from_pieces(
    ...     node_sets={"n": tfgnn.NodeSet.from_fields(
    ...         sizes=[3], features={"hidden_state": [[1.0], [2.0], [3.0]]})})
    >>> found = read_seeds(with_seeds(graph, "n", tf.constant([2, 0])), graph)
    >>> found.node_sets["n"]["hidden_state"].numpy().tolist(), found.num_components.numpy().item()
    ([[3.0], [1.0]], 2)
    """
    seeds = seeds_of(inputs)
    if seeds is None:
        return outputs
    name, rows = seeds
    if outputs.node_sets[name].spec.total_size != inputs.node_sets[name].spec.total_size:
        return outputs
    ones = tf.ones_like(rows)
    features = {
        # [num_seeds, ...]
        key: tf.gather(values, rows)
        for key, values in outputs.node_sets[name].features.items()
    }
    return tfgnn.GraphTensor.from_pieces(
        tfgnn.Context.from_fields(sizes=ones),
        {name: tfgnn.NodeSet.from_fields(sizes=ones, features=features)},
    )
