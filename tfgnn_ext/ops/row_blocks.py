"""Loops over blocks of tokens that hold one block at a time, in and out of XLA."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf


def length_of(x: tf.Tensor, axis: int) -> int | tf.Tensor:
    """The size of an axis: an int where it is static."""
    size: int | None = x.shape[axis]
    return tf.shape(x)[axis] if size is None else size


def pad_to(x: tf.Tensor, axis: int, size: int | tf.Tensor) -> tf.Tensor:
    """Zeros behind `x`, up to `size` along `axis`.

    >>> import tensorflow as tf
    >>> pad_to(tf.ones([1, 2]), 1, 3).numpy().tolist()
    [[1.0, 1.0, 0.0]]
    """
    length = length_of(x, axis)
    if isinstance(size, int) and isinstance(length, int) and size == length:
        return x
    paddings = [[0, 0]] * axis + [[0, size - length]] + [[0, 0]] * (x.shape.rank - axis - 1)
    return tf.pad(x, paddings)


def block_of(x: tf.Tensor, axis: int, index: tf.Tensor, size: int) -> tf.Tensor:
    """Block `index` of `size` along `axis`, with a static size: Python slices lose it in loops."""
    begin = [0] * x.shape.rank
    begin[axis] = index * size
    sizes = [length_of(x, i) for i in range(x.shape.rank)]
    sizes[axis] = size
    block = tf.slice(x, begin, sizes)
    return tf.ensure_shape(block, [s if isinstance(s, int) else None for s in sizes])


def for_blocks(
    number: int | tf.Tensor,
    body: Callable[..., tuple[Sequence[tf.Tensor], Sequence[tf.Tensor]]],
    carried: Sequence[tf.Tensor],
    dtypes: Sequence[tf.DType],
    *,
    reverse: bool = False,
    finish: Sequence[Callable[[tf.Tensor], tf.Tensor]] = (),
) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
    """Runs ``carried, written = body(index, *carried)`` for each block.

    Args:
      number: The number of blocks.
      body: The step.
      carried: The initial values of what is carried from block to block.
      dtypes: Of what each block writes.
      reverse: From the last block to the first.
      finish: What becomes of each that was written, one after another, so that not all of them are
        in memory twice.

    Returns:
      What was carried to the end, and what was written, ``[number, ...]`` by block, finished.

    >>> import tensorflow as tf
    >>> (total,), (squares,) = for_blocks(
    ...     3, lambda i, total: ([total + i], [i * i]), [tf.constant(0)], [tf.int32])
    >>> int(total), squares.numpy().tolist()
    (3, [0, 1, 4])
    """
    arrays = [tf.TensorArray(dtype, number) for dtype in dtypes]
    count = len(carried)

    def step(index: tf.Tensor, *state: tf.Tensor) -> tuple[tf.Tensor, ...]:
        block = number - 1 - index if reverse else index
        values, written = body(block, *state[:count])
        stored = [a.write(block, w) for a, w in zip(state[count:], written, strict=True)]
        return (index + 1, *values, *stored)

    final = tf.while_loop(
        lambda index, *_: index < number,
        step,
        (tf.constant(0), *carried, *arrays),
        parallel_iterations=1,
    )
    finished: list[tf.Tensor] = []
    for array, join in zip(final[1 + count :], finish or [tf.identity] * len(arrays), strict=True):
        with tf.control_dependencies(finished[-1:]):
            finished.append(join(array.stack()))
    return list(final[1 : 1 + count]), finished


def join_blocks(blocks: tf.Tensor) -> tf.Tensor:
    """``[number, batch, width, size]`` to ``[batch, width, number * size]``."""
    number, batch, width, size = (length_of(blocks, axis) for axis in range(4))
    return tf.reshape(tf.transpose(blocks, [1, 2, 0, 3]), [batch, width, number * size])


def join_rows(blocks: tf.Tensor) -> tf.Tensor:
    """``[number, batch, size, ...]`` to ``[batch, number * size, ...]``."""
    number, batch, size, *rest = (length_of(blocks, axis) for axis in range(blocks.shape.rank))
    turned = tf.transpose(blocks, [1, 0, *range(2, blocks.shape.rank)])
    return tf.reshape(turned, [batch, number * size, *rest])


def join_turned(blocks: tf.Tensor) -> tf.Tensor:
    """``[number, batch, width, size]`` to ``[batch, number * size, width]``."""
    number, batch, width, size = (length_of(blocks, axis) for axis in range(4))
    return tf.reshape(tf.transpose(blocks, [1, 0, 3, 2]), [batch, number * size, width])
