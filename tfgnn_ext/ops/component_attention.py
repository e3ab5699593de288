"""Attention among the nodes of each component of a graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import tensorflow as tf

from tfgnn_ext.ops.component_layout import (
    ComponentTables,
    LayoutSizes,
    component_sum,
    component_tables,
    layout_sizes,
)
from tfgnn_ext.ops.heads import to_features, to_rows, wide
from tfgnn_ext.ops.hyper_attention import draw_samples
from tfgnn_ext.ops.lsh_order import gray_rank, permute, random_hyperplanes, stable_order
from tfgnn_ext.ops.polysketch_attention import Sketch, check_sketch, crossover, random_features
from tfgnn_ext.ops.power import power
from tfgnn_ext.ops.row_blocks import length_of
from tfgnn_ext.ops.sampled_blocks import sampled_block_attention
from tfgnn_ext.ops.squared_attention import squared_attention
from tfgnn_ext.ops.tiled_attention import NOTHING, Ranges, tiled_attention

Kind = Literal["softmax", "polynomial", "sketch", "exact2", "hyper"]
KINDS = ("softmax", "polynomial", "sketch", "exact2", "hyper")
# Nodes of a component up to which one tile holds its weights.
_ONE_TILE = 512


def component_limit(kind: str, *, r: int, width: int, min_component_size: int = 2048) -> int:
    """The most nodes of a component that goes to a bucket; a matter of speed, but for "hyper".

    >>> component_limit("sketch", r=32, width=64), component_limit("softmax", r=32, width=64)
    (633, 512)
    """
    if kind in ("sketch", "exact2"):
        return crossover(r if kind == "sketch" else width)
    return min_component_size if kind == "hyper" else _ONE_TILE


@tf.autograph.experimental.do_not_convert
def component_attention(
    q: tf.Tensor,
    k: tf.Tensor,
    v: tf.Tensor,
    component_sizes: tf.Tensor | Sequence[tf.Tensor],
    *,
    kind: Kind = "sketch",
    padded: bool = False,
    sketch: Sketch = "orthogonal",
    degree: int | None = None,
    r: int = 32,
    features: tuple[tf.Tensor, tf.Tensor] | None = None,
    matrices: Sequence[tf.Tensor] | None = None,
    scale: float | None = None,
    offset: float = 1.0,
    num_hashes: int = 7,
    hyperplanes: tf.Tensor | None = None,
    num_samples: int = 256,
    min_component_size: int = 2048,
    block_size: int = 256,
    limit: int | None = None,
    layout: tuple[LayoutSizes, ComponentTables] | None = None,
    seed: int = 0,
    with_totals: bool = False,
) -> Any:
    """Each node attends to the nodes of its component, in both directions, and to no others.

    Components of up to `limit` nodes are put into buckets of power-of-two lengths, where weights
    are formed; larger ones are cut into blocks, and features, tiles or hashes do the rest. Except
    for "hyper", whose limit decides between exact and approximate, both give the same numbers.

    Args:
      q: ``[num_nodes, num_heads, width]``; normalised for all kinds but "softmax" and "hyper".
      k: ``[num_nodes, num_heads, width]``.
      v: ``[num_nodes, num_heads, d]``.
      component_sizes: int32 ``[num_components]``: nodes lie component after component. Or such a
        tensor for each of several node sets, that lie set after set.
      kind: "softmax", exact; "polynomial", exact of degree p; "sketch": as
        `ops.polysketch_attention`; "exact2": polynomial of degree 2, in linear time; "hyper": as
        `ops.hyper_attention`, sorted, blocked and sampled inside each component.
      padded: Whether the last component is padding; its outputs are 0.
      sketch: The random sketch of "sketch", or "learned".
      degree: p of "polynomial" and of a random sketch.
      r: The size of the sketch.
      features: phi of queries and keys ``[num_nodes, num_heads, r]``, for "sketch".
      matrices: Those of `sketch_matrices`, for "sketch".
      scale: Of inner products; None: ``width^-1/2``.
      offset: c > 0 of polynomial weights.
      num_hashes: Of "hyper".
      hyperplanes: Of "hyper": ``[width, num_hashes]`` in place of those that `seed` draws.
      num_samples: Of "hyper": keys sampled for each component.
      min_component_size: Of "hyper": the most nodes to attend to exactly.
      block_size: Nodes of a block of large components.
      limit: The most nodes of a component in a bucket; None: `component_limit`.
      layout: Static sizes and their tables, made in the input pipeline; None: made here, with the
        worst sizes that static shapes allow.
      seed: Of random sketches, hyperplanes and samples.
      with_totals: Whether to return the denominators too; of padding, -1e9 or 0.

    Returns:
      ``[num_nodes, num_heads, d]`` in the dtype of `v`; `with_totals`, also ``[num_nodes,
      num_heads]``: the log-sum-exp of "softmax" and "hyper", the denominators of the others.

    Raises:
      ValueError: An argument is out of range.

    >>> x = tf.ones([3, 1, 4])
    >>> v = tf.reshape([1.0, 3.0, 7.0], [3, 1, 1])
    >>> component_attention(x, x, v, tf.constant([2, 1]), kind="softmax").numpy().ravel().tolist()
    [2.0, 2.0, 7.0]
    """
    where = "component_attention"
    if kind not in KINDS:
        raise ValueError(f"`kind` of `{where}` must be one of {', '.join(KINDS)}. Got {kind!r}.")
    if offset <= 0:
        raise ValueError(f"`offset` of `{where}` must be > 0. Got {offset}.")
    if kind == "sketch" and sketch == "learned" and features is None:
        raise ValueError(
            f"`features` of `{where}` must be given for the sketch 'learned'. Got None."
        )
    width = q.shape[2]
    beta = width**-0.5 if scale is None else scale
    kind_degree = check_sketch("exact2" if kind == "exact2" else sketch, degree, where)
    tables_sizes = [component_sizes] if tf.is_tensor(component_sizes) else list(component_sizes)
    if kind in ("sketch", "exact2"):
        if features is None or kind == "exact2":
            features = random_features(
                (wide(q), wide(k)),
                sketch="exact2" if kind == "exact2" else sketch,
                degree=kind_degree,
                r=r,
                scale=beta,
                matrices=matrices,
                seed=seed,
            )
        q, k = features
    if layout is None:
        if limit is None:
            limit = component_limit(
                kind, r=q.shape[2], width=width, min_component_size=min_component_size
            )
        whole = length_of(q, 0)
        summed = component_sum(tables_sizes, padded=padded)
        sizes = layout_sizes(summed, whole, limit=limit, block=block_size)
        totals = (
            [whole] if len(tables_sizes) == 1 else [tf.reduce_sum(each) for each in tables_sizes]
        )
        tables = component_tables(tables_sizes, totals, sizes, padded=padded)
    else:
        sizes, tables = layout
    # [num_slots, num_heads, width]
    slot_q, slot_k, slot_v = (to_slots(wide(each), tables) for each in (q, k, v))
    nodes = length_of(q, 0)
    present = tf.cast(tables.slot_to_node < nodes, slot_q.dtype)
    squared = kind in ("sketch", "exact2")
    small = _Small(
        scale=1.0 if squared else beta,
        degree=2 if squared else kind_degree if kind == "polynomial" else None,
        offset=offset,
    )
    outputs, start = [], 0
    for length, capacity in zip(sizes.lengths, sizes.capacities, strict=True):
        end = start + length * capacity
        if not (isinstance(capacity, int) and capacity == 0):
            part = (
                tf.reshape(each[start:end], [capacity, length, *each.shape[1:]])
                for each in (slot_q, slot_k, slot_v, present)
            )
            outputs.append(small(*part))
        start = end
    if not (isinstance(sizes.num_blocks, int) and sizes.num_blocks == 0):
        outputs.append(
            _large(
                kind,
                slot_q[start:],
                slot_k[start:],
                slot_v[start:],
                present[start:],
                sizes,
                tables,
                scale=small.scale,
                degree=small.degree,
                offset=offset,
                number=num_samples,
                hyperplanes=random_hyperplanes(width, num_hashes, seed)
                if hyperplanes is None
                else hyperplanes,
                seed=seed,
            )
        )
    # [num_slots, num_heads, d]
    found, total = (tf.concat(parts, axis=0) for parts in zip(*outputs, strict=True))
    found = tf.cast(from_slots(found, tables), v.dtype)
    if not with_totals:
        return found
    totals = from_slots(total[:, :, None], tables)[:, :, 0]
    if kind in ("softmax", "hyper"):
        placed = tables.node_to_slot < sizes.num_slots
        totals = tf.where(placed[:, None], totals, tf.constant(NOTHING, totals.dtype))
    return found, totals


@tf.custom_gradient
def _gather_rows(
    x: tf.Tensor, index: tf.Tensor, inverse: tf.Tensor
) -> tuple[tf.Tensor, Callable[..., Any]]:
    """Rows of x, zeros where the index is beyond; its gradient is a gather by the inverse."""

    def gathered(values: tf.Tensor, at: tf.Tensor) -> tf.Tensor:
        last = tf.zeros([1, *values.shape[1:]], values.dtype)
        return tf.gather(tf.concat([values, last], axis=0), at)

    return gathered(x, index), lambda upstream: (gathered(upstream, inverse), None, None)


def to_slots(x: tf.Tensor, tables: ComponentTables) -> tf.Tensor:
    """``[num_nodes, num_heads, width]`` to ``[num_slots, ...]``, zeros in free slots."""
    return _gather_rows(x, tables.slot_to_node, tables.node_to_slot)


def from_slots(x: tf.Tensor, tables: ComponentTables) -> tf.Tensor:
    """``[num_slots, num_heads, width]`` to ``[num_nodes, ...]``, zeros for nodes without a slot."""
    return _gather_rows(x, tables.node_to_slot, tables.slot_to_node)


class _Small:
    """Attention of components ``[capacity, length, num_heads, width]`` with weights formed."""

    def __init__(self, *, scale: float, degree: int | None, offset: float) -> None:
        self.scale = scale
        self.degree = degree
        self._offset = offset

    def __call__(
        self, q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, present: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        capacity, length, heads, width = (length_of(v, axis) for axis in range(4))
        # [capacity * num_heads, length, width]
        q, k, v = (to_rows(each) for each in (q, k, v))
        present = tf.repeat(present, heads, axis=0)
        if length > _ONE_TILE:
            outputs, total = tiled_attention(
                q, k, v, present, scale=self.scale, degree=self.degree, offset=self._offset
            )
        else:
            outputs, total = self._dense(q, k, v, present[:, None])
        outputs = tf.transpose(tf.reshape(outputs, [capacity, heads, length, width]), [0, 2, 1, 3])
        total = tf.transpose(tf.reshape(total, [capacity, heads, length]), [0, 2, 1])
        return (
            tf.reshape(outputs, [capacity * length, heads, width]),
            tf.reshape(total, [capacity * length, heads]),
        )

    def _dense(
        self, q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, present: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        # [capacity * num_heads, length, length]
        score = tf.matmul(q, k, transpose_b=True) * self.scale
        if self.degree is not None:
            weight = power(score, self.degree) * present
            total = self._offset + tf.reduce_sum(weight, axis=2)
            return tf.matmul(weight, v) / total[:, :, None], total
        score += (1 - present) * NOTHING
        top = tf.stop_gradient(tf.reduce_max(score, axis=2, keepdims=True))
        weight = tf.exp(score - top) * present
        # Free slots alone have no key: they give 0, and go nowhere.
        mass = tf.maximum(tf.reduce_sum(weight, axis=2), 1e-30)
        return tf.matmul(weight, v) / mass[:, :, None], top[:, :, 0] + tf.math.log(mass)


def _large(
    kind: str,
    q: tf.Tensor,
    k: tf.Tensor,
    v: tf.Tensor,
    present: tf.Tensor,
    sizes: LayoutSizes,
    tables: ComponentTables,
    *,
    scale: float,
    degree: int | None,
    offset: float,
    number: int,
    hyperplanes: Any,
    seed: int,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Attention of components in blocks, ``[num_blocks * block, num_heads, width]``."""
    groups, block, num_blocks = tables.block_group, sizes.block, sizes.num_blocks
    heads = v.shape[1]
    if kind in ("sketch", "exact2"):
        outputs, total = squared_attention(
            to_features(q[None]),
            to_features(k[None]),
            to_rows(v[None]),
            offset=offset,
            groups=groups,
            num_groups=sizes.num_large + 1,
            block=block,
        )
        return tf.transpose(outputs, [1, 0, 2]), tf.transpose(total)
    # [num_heads, num_blocks * block, width]
    q, k, v = (to_rows(each[None]) for each in (q, k, v))
    present = tf.repeat(present[None], heads, axis=0)
    if kind == "hyper":
        last = 2 ** hyperplanes.shape[1]
        planes = (
            tf.constant(hyperplanes, tf.float32) if not tf.is_tensor(hyperplanes) else hyperplanes
        )
        component = tf.repeat(groups, block)

        def order(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            rank = tf.where(present > 0, gray_rank(x, planes), last)
            number = sizes.num_large
            below = (number + 1) * (last + 1) if isinstance(number, int) else None
            return stable_order(component * (last + 1) + rank, below=below)

        order_q, inverse_q = order(q)
        order_k, inverse_k = order(k)
        q = permute(q, order_q, inverse_q)
        k, v = (permute(each, order_k, inverse_k) for each in (k, v))
        present = tf.gather(present, order_k, batch_dims=1)
        count = tf.cast(tables.group_size, q.dtype)[:, None]
        outputs, total = sampled_block_attention(
            q,
            k,
            v,
            present,
            draw_samples(
                k,
                v,
                present,
                tables.group_start,
                tf.repeat(count, heads, axis=1),
                block=block,
                number=number,
                sampling="uniform",
                seed=(seed, 1),
            ),
            groups,
            scale=scale,
            num_blocks=num_blocks,
            query_block=block,
            key_block=block,
        )
        outputs = permute(outputs, inverse_q, order_q)
        total = permute(total[:, :, None], inverse_q, order_q)[:, :, 0]
    else:
        index = tf.range(num_blocks)
        # [num_blocks]: a free block meets none.
        first = tf.gather(tables.group_start // block, groups)
        last_block = first + tf.gather(-(-tables.group_size // block), groups)
        free = groups == sizes.num_large
        first, last_block = (tf.where(free, index, each) for each in (first, last_block))
        outputs, total = tiled_attention(
            q,
            k,
            v,
            present,
            scale=scale,
            degree=degree,
            offset=offset,
            block=block,
            ranges=Ranges(first, last_block, first, last_block),
        )
    return tf.transpose(outputs, [1, 0, 2]), tf.transpose(total)
