"""All nodes of a component attend to each other, across node sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.layers.sketch_features import SketchFeatures
from tfgnn_ext.ops.component_attention import KINDS, component_attention
from tfgnn_ext.ops.component_layout import ComponentTables, LayoutSizes
from tfgnn_ext.ops.heads import wide
from tfgnn_ext.ops.lsh_order import random_hyperplanes
from tfgnn_ext.ops.power import power
from tfgnn_ext.ops.row_blocks import length_of
from tfgnn_ext.ops.tiled_attention import bound_of

# The most that one edge may weigh against all other nodes together.
_MOST = 1e4


@tf.keras.utils.register_keras_serializable(package="tfgnn_ext")
class ComponentAttention(tf.keras.layers.Layer):
    """Multi-head attention among all nodes of a component, whatever their node set.

    One query, key and value projection serves all node sets, each with an embedding of the set
    added where there are several; heads attend as in `ops.component_attention`.

    With `edge_sets`, connected nodes weigh more: where w_ij is a pair's exact weight (``exp(s_ij)``
    of softmax and hyper, ``s_ij^p`` of the others) and D_i the denominator, both ends of an edge e
    add ``g_e w_ij / D_i`` to each other's weight, with ``g_e >= 0`` learned for each edge set and
    head, and weights are normalised again. The sketch blurs, these are exact.

    Args:
      units: The width of the result; `num_heads` divides it.
      node_sets: Those that take part.
      num_heads: The number of heads.
      kind: "softmax", "polynomial", "sketch", "exact2" or "hyper".
      sketch: Of the kind "sketch": "learned", "orthogonal", "srht" or "gaussian".
      degree: p of "polynomial" and of random sketches; None: 4.
      r: The size of the sketch.
      edge_sets: Whose pairs weigh more.
      padded: Whether the last component is padding.
      num_samples: Of "hyper": keys sampled for each component.
      min_component_size: Of "hyper": the most nodes to attend to exactly.
      block_size: Nodes of a block of large components.
      seed: Of initial weights, sketches, hyperplanes and samples.

    Call:
      graph: A merged, scalar GraphTensor with HIDDEN_STATE of one width on nodes.
      layout: Static sizes and tables of `ops.component_attention`, or None.
      Returns the GraphTensor with HIDDEN_STATE ``[num_nodes, units]`` on those node sets.

    Raises:
      ValueError: An argument is out of range, or states differ in width.

    >>> nodes = tfgnn.NodeSet.from_fields(
    ...     sizes=[2, 1], features={tfgnn.HIDDEN_STATE: tf.ones([3, 5])})
    >>> graph = tfgnn.GraphTensor.from_pieces(node_sets={"n": nodes})
    >>> ComponentAttention(units=8, node_sets=["n"])(graph).node_sets["n"][tfgnn.HIDDEN_STATE].shape
    TensorShape([3, 8])
    """

    def __init__(
        self,
        *,
        units: int,
        node_sets: Sequence[str],
        num_heads: int = 4,
        kind: str = "sketch",
        sketch: str = "learned",
        degree: int | None = None,
        r: int = 16,
        edge_sets: Sequence[str] = (),
        padded: bool = False,
        num_samples: int = 256,
        min_component_size: int = 2048,
        block_size: int = 256,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if kind not in KINDS:
            raise ValueError(
                f"`kind` of `ComponentAttention` must be one of {', '.join(KINDS)}. Got {kind!r}."
            )
        if num_heads < 1 or units < 1 or units % num_heads:
            raise ValueError(
                "`units` of `ComponentAttention` must be a multiple of `num_heads` = "
                f"{num_heads}. Got {units}."
            )
        if not node_sets:
            raise ValueError("`node_sets` of `ComponentAttention` must name a node set. Got none.")
        self.units = units
        self.node_sets = tuple(node_sets)
        self.num_heads = num_heads
        self.kind = kind
        self.sketch = sketch
        self.degree = degree
        self.r = r
        self.edge_sets = tuple(edge_sets)
        self.padded = padded
        self.num_samples = num_samples
        self.min_component_size = min_component_size
        self.block_size = block_size
        self.seed = seed
        self._query, self._key, self._value = (
            tf.keras.layers.Dense(
                units,
                kernel_initializer=tf.keras.initializers.GlorotUniform(3 * seed + i),
                name=n,
                dtype=self.dtype_policy,
            )
            for i, n in enumerate(("query", "key", "value"))
        )
        self._features = None
        if kind in ("polynomial", "sketch", "exact2"):
            self._features = SketchFeatures(
                sketch=sketch if kind == "sketch" else "exact2",
                degree=degree if kind == "sketch" else None,
                r=r,
                normalize=bool(edge_sets),
                seed=seed,
                name="features",
                dtype=self.dtype_policy,
            )

    def build(self, input_shape: Any) -> None:
        if len(self.node_sets) > 1:
            # [node sets, query key and value, units]
            self._embeddings = self.add_weight(
                name="embeddings",
                shape=[len(self.node_sets), 3, self.units],
                initializer=tf.keras.initializers.RandomNormal(stddev=0.1, seed=self.seed),
            )
        if self.edge_sets:
            # softplus(-2) = 0.13.
            self._edge_weights = self.add_weight(
                name="edge_weights",
                shape=[len(self.edge_sets), self.num_heads],
                initializer=tf.constant_initializer(-2.0),
            )
        if self.kind == "hyper":
            planes = random_hyperplanes(self.units // self.num_heads, 7, self.seed)
            self._hyperplanes = self.add_weight(
                name="hyperplanes",
                shape=planes.shape,
                initializer=tf.constant_initializer(planes),
                trainable=False,
            )
        super().build(input_shape)

    def call(
        self,
        graph: tfgnn.GraphTensor,
        layout: tuple[LayoutSizes, ComponentTables] | None = None,
    ) -> tfgnn.GraphTensor:
        names = self.node_sets
        parts = [graph.node_sets[name] for name in names]
        states = [part[tfgnn.HIDDEN_STATE] for part in parts]
        if len({state.shape[-1] for state in states}) != 1:
            raise ValueError(
                "`graph` of `ComponentAttention` must have states of one width. Got "
                f"{', '.join(f'{n}: {s.shape[-1]}' for n, s in zip(names, states, strict=True))}."
            )
        counts = [length_of(state, 0) for state in states]
        width = self.units // self.num_heads
        # [num_nodes of all sets, width]
        joined = tf.concat(states, axis=0)
        total = length_of(joined, 0)

        def heads(project: tf.keras.layers.Layer, index: int) -> tf.Tensor:
            rows = project(joined)
            if len(names) > 1:
                embeddings = tf.cast(self._embeddings, self.compute_dtype)
                rows += tf.concat(
                    [
                        tf.broadcast_to(embeddings[number, index], [count, self.units])
                        for number, count in enumerate(counts)
                    ],
                    axis=0,
                )
            return tf.reshape(rows, [total, self.num_heads, width])

        q, k, v = (
            heads(project, index)
            for index, project in enumerate((self._query, self._key, self._value))
        )
        features = None
        if self._features is not None:
            (normal_q, phi_q), (normal_k, phi_k) = self._features(q), self._features(k)
            features = (phi_q, phi_k)
            q, k = (q, k) if normal_q is None else (normal_q, normal_k)
        outputs, totals = component_attention(
            q,
            k,
            v,
            [part.sizes for part in parts],
            kind=self.kind,
            padded=self.padded,
            sketch=self.sketch if self.kind == "sketch" else "orthogonal",
            degree=self._degree if self.kind in ("polynomial", "sketch") else None,
            features=features if self.kind == "sketch" else None,
            hyperplanes=self._hyperplanes if self.kind == "hyper" else None,
            num_samples=self.num_samples,
            min_component_size=self.min_component_size,
            block_size=self.block_size,
            layout=layout,
            seed=self.seed,
            with_totals=True,
        )
        if self.edge_sets:
            starts = dict(
                zip(names, tf.unstack(tf.cumsum(tf.stack(counts), exclusive=True)), strict=True)
            )
            outputs = self._with_edges(graph, q, k, v, outputs, totals, starts)
        outputs = tf.reshape(outputs, [-1, self.units])
        attended = tf.split(outputs, tf.stack(counts), axis=0, num=len(counts))
        return graph.replace_features(
            node_sets={
                name: {**part.features, tfgnn.HIDDEN_STATE: state}
                for name, part, state in zip(names, parts, attended, strict=True)
            }
        )

    @property
    def _degree(self) -> int:
        if self.kind == "exact2":
            return 2
        return self.degree or 4

    def _with_edges(
        self,
        graph: tfgnn.GraphTensor,
        q: tf.Tensor,
        k: tf.Tensor,
        v: tf.Tensor,
        outputs: tf.Tensor,
        totals: tf.Tensor,
        starts: dict[str, tf.Tensor],
    ) -> tf.Tensor:
        """Adds the exact weights of connected pairs."""
        q, k, values, outputs_wide = (wide(each) for each in (q, k, v, outputs))
        softmax = self.kind in ("softmax", "hyper")
        number = tf.shape(q)[0]
        mass, sums = tf.zeros_like(totals), tf.zeros_like(outputs_wide)
        for index, name in enumerate(self.edge_sets):
            adjacency = graph.edge_sets[name].adjacency
            ends = [adjacency.source_name, adjacency.target_name]
            if not set(ends) <= set(starts):
                continue
            source, target = (
                tf.cast(adjacency[tag], tf.int32) + starts[end] for tag, end in enumerate(ends)
            )
            gain = tf.nn.softplus(wide(self._edge_weights[index]))
            for receiver, sender in ((source, target), (target, source)):
                # [num_edges, num_heads]
                score = tf.reduce_sum(tf.gather(q, receiver) * tf.gather(k, sender), axis=2)
                score *= q.shape[2] ** -0.5
                total = tf.gather(totals, receiver)
                if softmax:
                    share = tf.exp(tf.minimum(score - bound_of(total), 9.0))
                else:
                    share = tf.math.divide_no_nan(power(score, self._degree), total)
                share = tf.minimum(gain * share, _MOST)
                mass += tf.math.unsorted_segment_sum(share, receiver, number)
                sums += tf.math.unsorted_segment_sum(
                    share[:, :, None] * tf.gather(values, sender), receiver, number
                )
        found = (outputs_wide + sums) / (1 + mass)[:, :, None]
        return tf.cast(found, outputs.dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "node_sets": self.node_sets,
            "num_heads": self.num_heads,
            "kind": self.kind,
            "sketch": self.sketch,
            "degree": self.degree,
            "r": self.r,
            "edge_sets": self.edge_sets,
            "padded": self.padded,
            "num_samples": self.num_samples,
            "min_component_size": self.min_component_size,
            "block_size": self.block_size,
            "seed": self.seed,
        }
