"""Which items a trimmed layer keeps, and where they go: of any number, or in static room."""

from __future__ import annotations

import dataclasses

import tensorflow as tf


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chosen:
    """Which items were picked.

    Attributes:
      items: int32 [num_chosen], the picked items in order, then spare entries.
      kept: bool [num_chosen], False for spare entries.
      positions: int32 [num_items], where a picked item now is; else some valid position.
      sizes: int32 [num_components], the number of picked items; spare ones count for the last.
      overflow: bool [], whether more was marked than there is room for.
    """

    items: tf.Tensor
    kept: tf.Tensor
    positions: tf.Tensor
    sizes: tf.Tensor
    overflow: tf.Tensor


def choose_items(keep: tf.Tensor, sizes: tf.Tensor) -> Chosen:
    """Picks the marked items.

    Args:
      keep: bool [num_items].
      sizes: int32 [num_components], the numbers of items.

    >>> chosen = choose_items(tf.constant([True, False, True, True]), tf.constant([3, 1]))
    >>> chosen.items.numpy().tolist(), chosen.sizes.numpy().tolist()
    ([0, 2, 3], [2, 1])
    """
    # [num_items]
    counts = tf.cumsum(tf.cast(keep, tf.int32))
    items = tf.cast(tf.where(keep)[:, 0], tf.int32)
    return Chosen(
        items=items,
        kept=tf.ones_like(items, tf.bool),
        positions=tf.maximum(counts - 1, 0),
        sizes=kept_sizes(counts, sizes),
        overflow=tf.constant(False),
    )


def choose_items_within(keep: tf.Tensor, sizes: tf.Tensor, room: int, *, spare: int) -> Chosen:
    """Picks the marked items into a static number of entries; XLA compiles it.

    Args:
      keep: bool [num_items].
      sizes: int32 [num_components], the numbers of items.
      room: The number of entries to return. Spare ones repeat the last item.
      spare: How many entries must be spare, and what is not picked has the last one's position.

    >>> chosen = choose_items_within(
    ...     tf.constant([True, False, True, False]), tf.constant([3, 1]), 4, spare=1)
    >>> chosen.items.numpy().tolist(), chosen.sizes.numpy().tolist()
    ([0, 2, 3, 3], [2, 2])
    >>> chosen.positions.numpy().tolist(), bool(chosen.overflow)
    ([0, 3, 1, 3], False)
    """
    num_items = keep.shape[0]
    limit = room - spare
    # [num_items]
    counts = tf.cumsum(tf.cast(keep, tf.int32))
    total = counts[-1]
    fits = keep & (counts <= limit)
    # [room]; negative segments are dropped, and what no item wrote is spare.
    written = tf.math.unsorted_segment_sum(
        tf.range(num_items), tf.where(fits, counts - 1, -1), room
    )
    kept = tf.range(room) < tf.minimum(total, limit)
    within = kept_sizes(tf.minimum(counts, limit), sizes)
    # What is spare goes to the last component.
    inner = within[:-1]
    return Chosen(
        items=tf.where(kept, written, num_items - 1),
        kept=kept,
        positions=tf.where(fits, counts - 1, room - 1),
        sizes=tf.concat([inner, [room - tf.reduce_sum(inner)]], axis=0),
        overflow=total > limit,
    )


def kept_sizes(counts: tf.Tensor, sizes: tf.Tensor) -> tf.Tensor:
    """How much running counts rise within each component.

    Args:
      counts: int32 [num_items], falling nowhere.
      sizes: int32 [num_components], the numbers of items.

    Returns:
      int32 [num_components].

    >>> kept_sizes(tf.constant([1, 1, 2, 3]), tf.constant([2, 0, 2])).numpy().tolist()
    [1, 0, 2]
    """
    # [num_items + 1], [num_components + 1]
    counts = tf.concat([[0], counts], axis=0)
    ends = tf.concat([[0], tf.cumsum(sizes)], axis=0)
    at_ends = tf.gather(counts, ends)
    return at_ends[1:] - at_ends[:-1]
