"""Template: a local convolution and attention among all nodes, in parallel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.layers.component_attention import ComponentAttention
from tfgnn_ext.layers.parallel_update import ParallelUpdate
from tfgnn_ext.layers.pool_neighbors import PoolNeighbors
from tfgnn_ext.models.heads import width_of_heads
from tfgnn_ext.models.message_passing import MessagePassing, Messages, shared_options
from tfgnn_ext.tensors.input_spec import InputSpec
from tfgnn_ext.tensors.trimming import edge_set_name


@shared_options
def graph_transformer(
    spec: InputSpec,
    *,
    attention: Literal["softmax", "polynomial", "sketch", "exact2", "hyper"] = "sketch",
    sketch: Literal["learned", "orthogonal", "srht", "gaussian"] = "learned",
    r: int = 16,
    num_heads: int = 4,
    edge_bias: bool = False,
    reduce_type: Literal["mean", "sum", "max", "mean|max", "mean|sum"] = "mean",
    trim: bool = False,
    **options: Any,
) -> tf.keras.Model:
    """GraphSAGE and attention side by side: what is near by edges, what is far by similarity.

    ``h' = norm(sage(h) + W attention(h))``, where attention is among all nodes of the component,
    whatever their node set: the sample of a seed, or the whole graph. See `ComponentAttention`; all
    kinds but "softmax", "polynomial" and small "hyper" take time linear in the nodes. Local and
    global layers in parallel are those of Rampasek et al., "Recipe for a General, Powerful,
    Scalable Graph Transformer", NeurIPS 2022.

    Args:
      spec: The input.
      attention: The kind of attention.
      sketch: Of the kind "sketch".
      r: The size of the sketch.
      num_heads: Heads of attention; it divides `units`.
      edge_bias: Whether connected nodes weigh more, by a learned factor for each edge set and head.
      reduce_type: How neighbours are pooled.
      trim: False: attention hears every node, so that nothing can be left out.

    Returns:
      A model from the GraphTensor to one that holds the seed node set with HIDDEN_STATE.
    """
    design = MessagePassing(spec=spec, trim=trim, **options)
    width_of_heads("graph_transformer", num_heads, units=design.units)
    design.must("graph_transformer", trim=False, encoding="dense", virtual_node=False)

    def update(received: Mapping[str, Sequence[Messages]], layer: int) -> tf.keras.layers.Layer:
        local = tfgnn.keras.layers.GraphUpdate(
            node_sets={
                name: tfgnn.keras.layers.NodeSetUpdate(
                    {
                        edge_set_name(each.direction): PoolNeighbors(
                            receiver_tag=each.receiver_tag,
                            reduce_type=reduce_type,
                            use_edges=each.has_states,
                        )
                        for each in messages
                    },
                    design.next_state(layer),
                )
                for name, messages in received.items()
            }
        )
        names = {each.direction[0]: each for messages in received.values() for each in messages}
        return ParallelUpdate(
            local=local,
            attention=ComponentAttention(
                units=design.units,
                node_sets=sorted(name for name, features in spec.nodes.items() if features),
                num_heads=num_heads,
                kind=attention,
                sketch=sketch,
                r=r,
                edge_sets=[edge_set_name(names[name].direction) for name in sorted(names)]
                if edge_bias
                else (),
                padded=spec.static and not spec.whole,
                seed=design.next_seed(),
            ),
            node_sets=list(received),
            dropout=design.dropout,
            l2=design.l2,
            seed=design.next_seed(),
            name=f"update_{layer}",
        )

    return design.model(update=update)
