"""One value an item of a ragged feature: the mean of its list."""

from __future__ import annotations

import tensorflow as tf


def ragged_means(values: tf.Tensor, lists: tf.RaggedTensor) -> tf.Tensor:
    """The mean over each list, whatever its order; 0 where it is empty.

    Args:
      values: ``[num_values, ...]``, one for each value of `lists`.
      lists: ``[num_items, (num_values)]``.

    Returns:
      ``[num_items, ...]``.

    >>> lists = tf.ragged.constant([[1.0, 3.0], [], [5.0]])
    >>> ragged_means(lists.values, lists).numpy().tolist()
    [2.0, 0.0, 5.0]
    """
    # [num_values], the item of each value.
    items = lists.value_rowids()
    return tf.math.unsorted_segment_mean(values, items, lists.nrows(out_type=items.dtype))


def ragged_numbers(lists: tf.RaggedTensor) -> tf.Tensor:
    """The mean of the numbers of each list that are there; NaN where none is.

    Args:
      lists: ``[num_items, (num_values)]``, NaN where a number is missing.

    Returns:
      float32 ``[num_items]``.

    >>> ragged_numbers(tf.ragged.constant([[1.0, float("nan")], []])).numpy().tolist()
    [1.0, nan]
    """
    numbers = tf.cast(lists.values, tf.float32)
    there = tf.math.is_finite(numbers)
    # [num_items]
    share = ragged_means(tf.cast(there, tf.float32), lists)
    mean = ragged_means(tf.where(there, numbers, 0.0), lists)
    return tf.where(share > 0, mean / tf.where(share > 0, share, 1.0), float("nan"))
