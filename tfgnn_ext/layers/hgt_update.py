"""TF-GNN's HGT as one round of a hop-trimmed model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn
from tensorflow_gnn.models.hgt import HGTGraphUpdate

from tfgnn_ext.layers.step_dropout import StepDropout
from tfgnn_ext.tensors.trimming import SENDERS


class _InOrder(HGTGraphUpdate):
    """Makes its weights in sorted order: its sets of names have another order in each process."""

    def _do_init_nontrackables(self, spec: tfgnn.GraphTensorSpec) -> None:
        super()._do_init_nontrackables(spec)
        receivers, senders = (vars(self)[name] for name in ("_receivers", "_senders"))
        self._receivers, self._senders = sorted(receivers), sorted(senders)


class HgtUpdate(tf.keras.layers.Layer):
    """Runs `HGTGraphUpdate` (Hu et al., "Heterogeneous Graph Transformer", WWW 2020).

    The maths is TF-GNN's: one softmax for each receiver over the edges of all its edge sets, keys
    and messages by the senders' node set, queries by the receivers'. Here, senders and receivers
    are always different node sets, as in a trimmed graph, and the receiver is always the source, so
    that one update serves both directions and the same weights serve trimmed and whole graphs.

    Args:
      receiver_tags: By the edge sets to use, named as by `edge_set_name`, which end receives.
      num_heads: The number of heads.
      units: The width of states, all heads together; also that of input states, unless they are
        empty.
      normalization: "none" or "layer".
      dropout: The rate of `StepDropout` on new states.
      l2: The weight of squared kernels in the loss.
      kernel_initializer: Draws one kernel after another.
      seed: Of dropout.

    Call:
      inputs: A merged, scalar GraphTensor with HIDDEN_STATE on nodes, trimmed or not.
      Returns it with new states of the nodes that receive.
    """

    def __init__(
        self,
        *,
        receiver_tags: Mapping[str, int],
        num_heads: int,
        units: int,
        normalization: str = "layer",
        dropout: float = 0.0,
        l2: float = 0.0,
        kernel_initializer: Any = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if normalization not in ("none", "layer"):
            raise ValueError(
                f"`normalization` of `HgtUpdate` must be one of none, layer. Got {normalization!r}."
            )
        self.receiver_tags = dict(sorted(receiver_tags.items()))
        self._update = _InOrder(
            num_heads=num_heads,
            per_head_channels=units // num_heads,
            receiver_tag=tfgnn.SOURCE,
            dropout_rate=0.0,  # Keras' own; see `StepDropout`.
            use_layer_norm=normalization == "layer",
            kernel_initializer=kernel_initializer,
            name="hgt",
        )
        self._dropout = StepDropout(rate=dropout, seed=seed, name="dropout")
        if l2:
            self.add_loss(
                lambda: (
                    l2
                    * tf.add_n(
                        [
                            tf.reduce_sum(tf.square(weight))
                            for weight in self._update.trainable_weights
                            if "kernel" in weight.name
                        ]
                    )
                )
            )

    def call(self, graph: tfgnn.GraphTensor) -> tfgnn.GraphTensor:
        node_sets: dict[str, tfgnn.NodeSet] = {}
        edge_sets: dict[str, tfgnn.EdgeSet] = {}
        receiving = set()
        for name, tag in self.receiver_tags.items():
            part = graph.edge_sets[name]
            receivers = part.adjacency.node_set_name(tag)
            senders = part.adjacency.node_set_name(1 - tag)
            receiving.add(receivers)
            node_sets[receivers] = graph.node_sets[receivers]
            # HGT names its kernels after sets, where "@" may not stand.
            sending = f"{senders.removesuffix(SENDERS)}.senders"
            node_sets[sending] = graph.node_sets[senders]
            edge_sets[name.replace("@", ".")] = tfgnn.EdgeSet.from_fields(
                sizes=part.sizes,
                adjacency=tfgnn.Adjacency.from_indices(
                    (receivers, part.adjacency[tag]), (sending, part.adjacency[1 - tag])
                ),
            )
        updated = self._update(
            tfgnn.GraphTensor.from_pieces(
                node_sets=dict(sorted(node_sets.items())), edge_sets=edge_sets
            )
        )
        new = {}
        for name in sorted(receiving):
            features = dict(graph.node_sets[name].features)
            state = updated.node_sets[name][tfgnn.HIDDEN_STATE]
            features[tfgnn.HIDDEN_STATE] = self._dropout(state)
            new[name] = features
        return graph.replace_features(node_sets=new)
