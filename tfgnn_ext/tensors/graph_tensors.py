"""A sampler's packed buffer as a GraphTensor, inside a `tf.function`."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.sampling import InMemorySampler, Sizes
from tfgnn_ext.sampling.known_features import edge_times
from tfgnn_ext.sampling.link import READOUT
from tfgnn_ext.sampling.ragged_features import ragged_features
from tfgnn_ext.tensors.component_ids import component_ids
from tfgnn_ext.tensors.readout import readout_pieces
from tfgnn_ext.tensors.set_features import SetFeatures

ID = "#id"


def latent_node_sets(sampler: InMemorySampler) -> tuple[str, ...]:
    """The sampled node sets that have nothing but their ids: models give those an embedding."""
    return tuple(
        name
        for name in sampler.layout.node_sets
        if not sampler.graph.node_sets[name].features
        and not (sampler.timed and sampler.graph.node_sets[name].times)
    )


class GraphTensors:
    """Turns buffers of `InMemorySampler.sample_packed` into merged, scalar GraphTensors.

    Node features are those of `SetFeatures`; a node set in `latent` gets ``#id``, int32
    ``[num_nodes]``, row + 1 (0 stands for an unknown id). With a budget, shapes are static and the
    last component is padding. Batches of pairs have TF-GNN's readout structure (see `Link`).

    Args:
      sampler: The sampler the buffers come from.
      budget: The static sizes given to `sample_packed`.
      latent: Node sets that deliver their ids; default: those without features.
      labels: Features of the seed node set to mask on the seed's own row.

    Raises:
      ValueError: A feature is ragged, and there is a budget.
    """

    def __init__(
        self,
        sampler: InMemorySampler,
        *,
        budget: Sizes | None = None,
        latent: Sequence[str] | None = None,
        labels: Sequence[str] = (),
    ) -> None:
        graph = sampler.graph
        ragged = ragged_features(sampler)
        if budget is not None and ragged:
            raise ValueError(
                f"`budget` of `GraphTensors` must be None: {ragged[0]}, is ragged and has no "
                "static size. Got a budget (as for `jit_compile`)."
            )
        self._layout = sampler.layout
        self._endpoints = sampler.endpoints
        self._seed_node_set = sampler.plan.seed_node_set
        link = sampler.plan.link
        self._ends_node_sets = () if link is None else (self._seed_node_set, link.node_set)
        self._timed = sampler.timed
        self._budget = budget
        self._labels = tuple(labels)
        self.latent = tuple(latent) if latent is not None else latent_node_sets(sampler)
        self._nodes = {
            name: SetFeatures(
                graph.node_sets[name].features,
                graph.node_sets[name].times,
                timed=sampler.timed,
                labels=labels if name == self._seed_node_set else (),
            )
            for name in self._layout.node_sets
        }
        self._edges = {
            name: SetFeatures(
                graph.edge_sets[name].features,
                edge_times(graph.edge_sets[name]),
                timed=sampler.timed,
            )
            for name in self._layout.edge_sets
        }

    def __call__(
        self, packed: tf.Tensor, seed_times: tf.Tensor | None, batch_size: int
    ) -> tuple[tfgnn.GraphTensor, tf.Tensor]:
        """Builds the GraphTensor of one buffer.

        Args:
          packed: int32, a buffer.
          seed_times: int64 [batch_size], if the sampler is timed.
          batch_size: The number of seeds.

        Returns:
          The GraphTensor, and float32 [batch_size]: 1 for whole components, 0 for those that did
          not fit the budget.
        """
        layout, budget = self._layout, self._budget
        lengths: list[int] | tf.Tensor = packed[: layout.num_segments]
        components = batch_size
        if budget is not None:
            components += 1
            lengths = layout.lengths(components, batch_size, budget.nodes, budget.edges)
        segments = iter(tf.split(packed[layout.header :], lengths, num=layout.num_segments))
        # int64 [num_edges], two words each.
        edge_rows = {
            name: tf.bitcast(tf.reshape(next(segments), (-1, 2)), tf.int64)
            for name in layout.edge_sets
        }
        whole = tf.cast(tf.ensure_shape(next(segments), [batch_size]), tf.float32)
        ends = [
            (name, tf.ensure_shape(next(segments), [components])) for name in self._ends_node_sets
        ]
        component_times = None
        if self._timed:
            padding = tf.fill([components - batch_size], tf.int64.min)
            component_times = tf.concat([seed_times, padding], axis=0)

        def times_of(sizes: tf.Tensor, total: int | tf.Tensor) -> tf.Tensor | None:
            if component_times is None:
                return None
            return tf.gather(component_times, component_ids(sizes, total))

        node_sets: dict[str, tfgnn.NodeSet] = {}
        for name in layout.node_sets:
            sizes, rows = tf.ensure_shape(next(segments), [components]), next(segments)
            total = budget.nodes[name] if budget is not None else tf.shape(rows)[0]
            own = None
            if self._labels and name == self._seed_node_set:
                starts = tf.cumsum(sizes, exclusive=True)[:batch_size]
                own = tf.scatter_nd(starts[:, None], tf.fill([batch_size], True), [total])
            part = self._nodes[name]
            times = times_of(sizes, total) if part.needs_times else None
            features = part(rows, times, own)
            if name in self.latent:
                features[ID] = rows + 1
            node_sets[name] = tfgnn.NodeSet.from_fields(sizes=sizes, features=features)
        edge_sets: dict[str, tfgnn.EdgeSet] = {}
        for name in layout.edge_sets:
            sizes = tf.ensure_shape(next(segments), [components])
            source, target = next(segments), next(segments)
            total = budget.edges[name] if budget is not None else tf.shape(source)[0]
            source_set, target_set = self._endpoints[name]
            part = self._edges[name]
            times = times_of(sizes, total) if part.needs_times else None
            edge_sets[name] = tfgnn.EdgeSet.from_fields(
                sizes=sizes,
                features=part(edge_rows[name], times),
                adjacency=tfgnn.Adjacency.from_indices((source_set, source), (target_set, target)),
            )
        ones = tf.ones([components], tf.int32)
        if ends:
            node_sets[READOUT], pieces = readout_pieces(ones, ends, {})
            edge_sets.update(pieces)
        context = tfgnn.Context.from_fields(sizes=ones)
        graph = tfgnn.GraphTensor.from_pieces(context, node_sets, edge_sets)
        return graph, whole
