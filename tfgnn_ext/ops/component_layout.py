"""Where the nodes of each component go, so that attention inside components has dense shapes.

Components of up to some limit go to buckets of power-of-two lengths, one slot a node; larger ones
are cut into blocks, padded at their end. A component is never padded to the longest one, and the
padding component of a batch gets no place at all. `component_tables` makes the tables of ints, in
the model or, with static capacities, in the input pipeline: what XLA and TPUs need.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfgnn_ext.tensors.component_ids import component_ids

_SHORTEST = 8


def bucket_lengths(limit: int) -> tuple[int, ...]:
    """The lengths of buckets: powers of two, and the limit itself.

    >>> bucket_lengths(40)
    (8, 16, 32, 40)
    """
    lengths = []
    length = _SHORTEST
    while length < limit:
        lengths.append(length)
        length *= 2
    return (*lengths, limit) if limit else ()


@dataclasses.dataclass(frozen=True)
class LayoutSizes:
    """The shapes of a layout.

    Attributes:
      lengths: Of the buckets, ascending: slots of one component.
      capacities: The components of each bucket.
      block: Slots of a block of large components.
      num_blocks: The number of such blocks.
      num_large: The number of large components.

    Numbers are ints, or scalar tensors where they are found in the model.
    """

    lengths: tuple[int, ...]
    capacities: tuple[int | tf.Tensor, ...]
    block: int
    num_blocks: int | tf.Tensor
    num_large: int | tf.Tensor

    @property
    def large_start(self) -> int | tf.Tensor:
        """The first slot of the blocks."""
        return sum(
            length * capacity
            for length, capacity in zip(self.lengths, self.capacities, strict=True)
        )

    @property
    def num_slots(self) -> int | tf.Tensor:
        """The number of slots."""
        return self.large_start + self.num_blocks * self.block


class ComponentTables(NamedTuple):
    """Where nodes go.

    Attributes:
      node_to_slot: int32 ``[num_nodes]``; `num_slots` for a node without a place.
      slot_to_node: int32 ``[num_slots]``; `num_nodes` for a free slot.
      block_group: int32 ``[num_blocks]``: the large component of each block; `num_large` if free.
      group_start: int32 ``[num_large + 1]``: the first slot of each, from the first of a block on.
      group_size: int32 ``[num_large + 1]``: the nodes of each.
    """

    node_to_slot: tf.Tensor
    slot_to_node: tf.Tensor
    block_group: tf.Tensor
    group_start: tf.Tensor
    group_size: tf.Tensor


def fit_layout_sizes(
    sizes: Iterable[np.ndarray], *, limit: int, block: int = 256, margin: float = 1.0
) -> LayoutSizes:
    """Static capacities that hold every one of some batches.

    Args:
      sizes: For each batch, the sizes of its components over all node sets, without padding.
      limit: The most nodes of a component in a bucket.
      block: Slots of a block of large components.
      margin: A factor on capacities, for batches not seen.

    Returns:
      The sizes.

    >>> fit_layout_sizes([np.array([3, 9, 300]), np.array([4, 5])], limit=16, block=128)
    LayoutSizes(lengths=(8, 16), capacities=(2, 1), block=128, num_blocks=3, num_large=1)
    """
    lengths = bucket_lengths(limit)
    most = np.zeros(len(lengths) + 2, np.int64)
    for each in sizes:
        real = each[each > 0]
        bucket = np.searchsorted(lengths, real)
        counts = np.bincount(bucket, minlength=len(lengths) + 1)
        blocks = (-(-real[bucket == len(lengths)] // block)).sum()
        most = np.maximum(most, np.append(counts, blocks))
    *capacities, large, blocks = (int(np.ceil(margin * count)) for count in most)
    return LayoutSizes(lengths, tuple(capacities), block, blocks, large)


def layout_sizes(
    sizes: tf.Tensor, num_nodes: int | tf.Tensor, *, limit: int, block: int
) -> LayoutSizes:
    """The sizes of one batch's layout: its own, or, where shapes are static, the worst that can be.

    Args:
      sizes: int32 ``[num_components]`` over all node sets, 0 for padding.
      num_nodes: Their sum at most.
      limit: The most nodes of a component in a bucket.
      block: Slots of a block of large components.
    """
    lengths = bucket_lengths(limit)
    shortest = [1, *(length + 1 for length in lengths)]
    components = sizes.shape[0]
    if components is not None and isinstance(num_nodes, int):
        # So many components of at least the bucket's shortest size fit into the nodes.
        *capacities, large = (min(components, num_nodes // least) for least in shortest)
        blocks = min(num_nodes // block + large, large * -(-num_nodes // block))
        return LayoutSizes(lengths, tuple(capacities), block, blocks, large)
    bounds = [*shortest, None]
    inside = [
        (sizes >= least) if most is None else (sizes >= least) & (sizes < most)
        for least, most in itertools.pairwise(bounds)
    ]
    *counts, large = (tf.reduce_sum(tf.cast(each, tf.int32)) for each in inside)
    blocks = tf.reduce_sum(tf.where(inside[-1], -(-sizes // block), tf.zeros_like(sizes)))
    return LayoutSizes(lengths, tuple(counts), block, blocks, large)


def component_tables(
    component_sizes: Sequence[tf.Tensor],
    totals: Sequence[int | tf.Tensor],
    sizes: LayoutSizes,
    *,
    padded: bool = False,
) -> ComponentTables:
    """Gives each node a slot.

    Args:
      component_sizes: For each node set, int32 ``[num_components]``. Nodes are numbered set after
        set, component after component; a component's slots hold its nodes set after set.
      totals: The number of nodes of each set.
      sizes: The shapes.
      padded: Whether the last component is padding.

    Returns:
      The tables.

    Raises:
      tf.errors.InvalidArgumentError: A batch does not fit `sizes`; not under XLA.

    >>> sizes = LayoutSizes((2,), (2,), 2, 2, 1)
    >>> tables = component_tables([tf.constant([1, 3, 2])], [6], sizes)
    >>> tables.node_to_slot.numpy().tolist()
    [0, 4, 5, 6, 2, 3]
    >>> tables.slot_to_node.numpy().tolist()
    [0, 6, 4, 5, 1, 2, 3, 6]
    """
    all_sizes = component_sum(component_sizes, padded=padded)
    number = len(sizes.lengths)
    large_start, slots = sizes.large_start, sizes.num_slots
    # [num_components]: the bucket; `number` for large components.
    bucket = tf.reduce_sum(
        tf.cast(all_sizes[:, None] > tf.constant(sizes.lengths, tf.int32, [number]), tf.int32),
        axis=1,
    )
    there = all_sizes > 0
    # [num_components, number + 1]: how many components of the bucket came before.
    members = tf.cast((bucket[:, None] == tf.range(number + 1)) & there[:, None], tf.int32)
    before = tf.cumsum(members, axis=0, exclusive=True)
    rank = tf.reduce_sum(before * members, axis=1)
    starts = [0]
    for length, capacity in zip(sizes.lengths, sizes.capacities, strict=True):
        starts.append(starts[-1] + length * capacity)
    large = (bucket == number) & there
    blocks = tf.where(large, -(-all_sizes // sizes.block), tf.zeros_like(all_sizes))
    first_block = tf.cumsum(blocks, exclusive=True)
    begin = tf.where(
        large,
        large_start + first_block * sizes.block,
        tf.gather(tf.stack(starts), bucket) + rank * tf.gather([*sizes.lengths, 0], bucket),
    )
    capacities = tf.stack([*sizes.capacities, sizes.num_large])
    fits = tf.reduce_all(tf.reduce_sum(members, axis=0) <= capacities)
    fits &= tf.reduce_sum(blocks) <= sizes.num_blocks
    with tf.control_dependencies(
        [tf.debugging.Assert(fits, ["The batch does not fit the layout:", all_sizes])]
    ):
        begin = tf.where(there, begin, slots)
    places = []
    offset = tf.zeros_like(all_sizes)
    for each, total in zip(component_sizes, totals, strict=True):
        # [num_nodes of the set]
        ids = component_ids(each, total)
        within = tf.range(total) - tf.gather(tf.cumsum(each, exclusive=True), ids)
        place = tf.gather(begin + offset, ids) + within
        places.append(tf.where(tf.gather(there, ids), place, slots))
        offset += each
    node_to_slot = tf.concat(places, axis=0)
    nodes = sum(totals)
    slot_to_node = tf.tensor_scatter_nd_update(
        tf.fill([slots + 1], nodes), node_to_slot[:, None], tf.range(nodes)
    )[:-1]
    # [num_blocks]
    used = tf.range(sizes.num_blocks) < tf.reduce_sum(blocks)
    owner = component_ids(blocks, sizes.num_blocks)
    groups = tf.where(used, tf.gather(rank, owner), sizes.num_large)
    # [num_large + 1]; what is not large is dropped.
    index = tf.where(large, rank, -1)
    group_start, group_size = (
        tf.math.unsorted_segment_sum(x, index, sizes.num_large + 1)
        for x in (first_block * sizes.block, all_sizes)
    )
    return ComponentTables(node_to_slot, slot_to_node, groups, group_start, group_size)


def component_sum(component_sizes: Sequence[tf.Tensor], *, padded: bool) -> tf.Tensor:
    """The sizes of components over all node sets, 0 for padding.

    >>> component_sum([tf.constant([1, 2]), tf.constant([3, 4])], padded=True).numpy().tolist()
    [4, 0]
    """
    sizes = tf.add_n([tf.cast(each, tf.int32) for each in component_sizes])
    if not padded:
        return sizes
    return sizes * tf.cast(tf.range(tf.shape(sizes)[0]) < tf.shape(sizes)[0] - 1, tf.int32)
