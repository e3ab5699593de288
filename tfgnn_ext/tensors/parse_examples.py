"""Serialized tf.Examples as the GraphTensor that models take: the way in for serving and files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.graph import GraphSchema
from tfgnn_ext.tensors.graph_tensors import ID
from tfgnn_ext.tensors.readout import is_of_pairs, is_readout, read_ends


class ParseExamples(tf.Module):
    """Parses tf.Examples that `sampling.write_examples` wrote, one component each, and merges them.

    The result equals what `GraphTensors` makes from the batch itself: strings become codes of the
    training graph's vocabularies, with 0 for those it does not hold; ids of latent node sets become
    row + 1, with 0 for unknown ids. A `tf.Module`, so that a SavedModel tracks the lookup tables.

    Args:
      schema: `sampling.sample_schema` of the sampler.
      vocabularies: By ``(set, feature)``, the vocabulary of each string feature and, under the name
        ``#id``, the ids of each latent node set, in row order.
    """

    def __init__(
        self, schema: GraphSchema, vocabularies: Mapping[tuple[str, str], npt.NDArray[Any]]
    ) -> None:
        super().__init__(name="parse_examples")
        self.signature = tf.TensorSpec([None], tf.string, name="examples")
        message = tfgnn.GraphSchema.FromString(schema.SerializeToString())
        self.spec = tfgnn.create_graph_spec_from_schema_pb(message)
        self.seed_node_set = schema.info.root_set[0]
        self._tables = {}
        for (name, feature), values in vocabularies.items():
            codes = np.arange(len(values)) + (1 if feature == ID else 0)
            keys = tf.constant(values)
            self._tables[f"{name}/{feature}"] = tf.lookup.StaticHashTable(
                tf.lookup.KeyValueTensorInitializer(keys, tf.constant(codes, tf.int64)), 0
            )

    def _encode(self, name: str, feature: str, values: tf.Tensor) -> tf.Tensor | None:
        table = self._tables.get(f"{name}/{feature}")
        if table is not None:
            return tf.cast(table.lookup(values), tf.int32)
        if feature == ID:
            return None
        return tf.cast(values, tf.float32)

    def _features(self, name: str, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        encoded = {key: self._encode(name, key, values) for key, values in features.items()}
        return {key: values for key, values in encoded.items() if values is not None}

    def parse(
        self, serialized: tf.Tensor
    ) -> tuple[tfgnn.GraphTensor, tf.Tensor | dict[str, tf.Tensor]]:
        """Parses a batch.

        Args:
          serialized: string [batch].

        Returns:
          The merged, scalar GraphTensor, and the seeds' ids [batch]; of pairs, both ends' as
          ``ids`` and ``target_ids``.
        """
        graph = self._merged(serialized)
        if is_of_pairs(graph):
            first, second = read_ends(graph, ID)
            return self._encoded(graph), {"ids": first, "target_ids": second}
        seeds = graph.node_sets[self.seed_node_set]
        starts = tf.cumsum(seeds.sizes, exclusive=True)
        ids = tf.gather(seeds.features[ID], starts)
        return self._encoded(graph), ids

    def graph(self, serialized: tf.Tensor) -> tfgnn.GraphTensor:
        """The merged GraphTensor of a batch, whose seeds need no ids."""
        return self._encoded(self._merged(serialized))

    def _merged(self, serialized: tf.Tensor) -> tfgnn.GraphTensor:
        return tfgnn.parse_example(self.spec, serialized).merge_batch_to_components()

    def _encoded(self, graph: tfgnn.GraphTensor) -> tfgnn.GraphTensor:
        node_sets = {
            name: tfgnn.NodeSet.from_fields(
                sizes=tf.cast(part.sizes, tf.int32),
                # What is known of a pair, such as its label, is no model's input.
                features={} if is_readout(name) else self._features(name, part.features),
            )
            for name, part in graph.node_sets.items()
        }
        edge_sets = {
            name: tfgnn.EdgeSet.from_fields(
                sizes=tf.cast(part.sizes, tf.int32),
                features=self._features(name, part.features),
                adjacency=tfgnn.Adjacency.from_indices(
                    (part.adjacency.source_name, tf.cast(part.adjacency.source, tf.int32)),
                    (part.adjacency.target_name, tf.cast(part.adjacency.target, tf.int32)),
                ),
            )
            for name, part in graph.edge_sets.items()
        }
        sizes = graph.node_sets[self.seed_node_set].sizes
        context = tfgnn.Context.from_fields(sizes=tf.ones_like(sizes, tf.int32))
        return tfgnn.GraphTensor.from_pieces(context, node_sets, edge_sets)
