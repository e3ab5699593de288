"""Random edges left out in training."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.layers.keyed_mask import keyed_mask
from tfgnn_ext.layers.training_step import add_step, next_step
from tfgnn_ext.tensors.choose_items import choose_items
from tfgnn_ext.tensors.readout import is_readout


class DropEdges(tf.keras.layers.Layer):
    """Leaves out each edge with probability `rate`, anew in each training call.

    DropEdge (Rong et al., "DropEdge: Towards Deep Graph Convolutional Networks on Node
    Classification", ICLR 2020), one draw for all layers: what normalises by degrees counts what is
    left. It comes before hop trimming, so that trimmed and untrimmed models drop the same edges.
    Which ones depends on (`seed`, step) alone, as in `StepDropout`.

    Args:
      rate: In [0, 1).
      padded: Whether the last component is padding: dropped edges then join its last nodes, and all
        sizes stay. Else they are removed, which XLA cannot compile.
      seed: Distinct for each layer of a model.

    Call:
      inputs: A merged, scalar GraphTensor.
      Returns a GraphTensor with the same nodes.
    """

    def __init__(self, *, rate: float, padded: bool, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"`rate` of `DropEdges` must be in [0, 1). Got {rate}.")
        self.rate = rate
        self.padded = padded
        self.seed = seed

    def build(self, input_shape: Any) -> None:
        self._step = add_step(self)
        super().build(input_shape)

    def call(self, graph: tfgnn.GraphTensor, training: bool | None = None) -> tfgnn.GraphTensor:
        if not training or not self.rate:
            return graph
        step = next_step(self._step)
        edge_sets = {name: part for name, part in graph.edge_sets.items() if is_readout(name)}
        real = {name: part for name, part in graph.edge_sets.items() if not is_readout(name)}
        for index, (name, part) in enumerate(sorted(real.items())):
            source, target = part.adjacency.source, part.adjacency.target
            # [num_edges]
            dropped = keyed_mask(
                tf.shape(source), self.rate, seed=self.seed + index * 1_000_003, step=step
            )
            features, sizes = dict(part.features), part.sizes
            if self.padded:
                source, target = (
                    tf.where(dropped, graph.node_sets[end].spec.total_size - 1, rows)
                    for end, rows in (
                        (part.adjacency.source_name, source),
                        (part.adjacency.target_name, target),
                    )
                )
            else:
                chosen = choose_items(tf.logical_not(dropped), sizes)
                source, target = tf.gather(source, chosen.items), tf.gather(target, chosen.items)
                features = {key: tf.gather(v, chosen.items) for key, v in features.items()}
                sizes = chosen.sizes
            edge_sets[name] = tfgnn.EdgeSet.from_fields(
                sizes=sizes,
                features=features,
                adjacency=tfgnn.Adjacency.from_indices(
                    (part.adjacency.source_name, source), (part.adjacency.target_name, target)
                ),
            )
        return tfgnn.GraphTensor.from_pieces(graph.context, graph.node_sets, edge_sets)
