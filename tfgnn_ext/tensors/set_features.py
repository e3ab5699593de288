"""A set's features as tensors, read by the TensorFlow twin of `known_features`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfgnn_ext.graph import NEVER, Feature, Ragged


class SetFeatures:
    """Gathers a set's features for sampled rows, masked to what is known.

    Columns of one type lie side by side in one tensor, so that a batch needs one gather a type; a
    ragged feature is a tensor of its own and delivers a RaggedTensor ``[num_rows, (length)]``. The
    result equals `sampling.known_features` bit for bit, except that strings are delivered as int32
    codes and ints as float32, as models take them.

    Args:
      features: The set's features, each ``[num_items, *shape]``.
      times: The set's time columns, each int64 ``[num_items]``.
      timed: Whether seeds carry times.
      labels: Features to mask on the seed's own row.

    Raises:
      ValueError: A string's code is not in its vocabulary.
    """

    def __init__(
        self,
        features: Mapping[str, Feature],
        times: Mapping[str, npt.NDArray[np.int64]],
        *,
        timed: bool,
        labels: Sequence[str] = (),
    ) -> None:
        for feature in features.values():
            feature.check()
        self._features = {
            name: (feature.shape, feature.known_at) for name, feature in features.items()
        }
        self._labels = tuple(labels)
        self._timed = timed
        self._outcomes = {feature.known_at for feature in features.values()}
        self._ragged = {n: _lists(f) for n, f in features.items() if isinstance(f.values, Ragged)}
        dense = {n: f for n, f in features.items() if n not in self._ragged}
        numbers = {n: f.values for n, f in dense.items() if f.vocabulary is None}
        codes = {n: f.values for n, f in dense.items() if f.vocabulary is not None}
        self._numbers, self._number_columns = _side_by_side(numbers, np.float32)
        self._codes, self._code_columns = _side_by_side(codes, np.int32)
        self._times, self._time_columns = _side_by_side(times if timed else {}, np.int64)

    @property
    def needs_times(self) -> bool:
        """Whether a call needs the rows' seed times."""
        return self._times is not None

    def __call__(
        self,
        rows: tf.Tensor,
        seed_times: tf.Tensor | None,
        own: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        """Reads the features of `rows`.

        Args:
          rows: int32 ``[num_rows]``.
          seed_times: int64 ``[num_rows]`` if timed.
          own: bool ``[num_rows]``, True at the seeds' own rows; needed with `labels`.

        Returns:
          Tensors ``[num_rows, ...]`` by delivered name.
        """
        # [num_rows, all columns of the type]
        numbers = None if self._numbers is None else tf.gather(self._numbers, rows)
        codes = None if self._codes is None else tf.gather(self._codes, rows)
        times = None if self._times is None else tf.gather(self._times, rows)
        reached: dict[str, tf.Tensor] = {}
        columns: dict[str, tf.Tensor] = {}
        if times is not None:
            for name, (begin, _) in self._time_columns.items():
                # [num_rows]
                column = times[:, begin]
                columns[name] = column
                limit = seed_times if name in self._outcomes else tf.constant(NEVER - 1, tf.int64)
                reached[name] = column <= limit
        delivered: dict[str, tf.Tensor] = {}
        for name, (shape, known_at) in self._features.items():
            known = reached[known_at] if self._timed and known_at is not None else None
            if name in self._labels:
                other = tf.logical_not(own)
                known = other if known is None else known & other
            if name in self._ragged:
                lists, empty = self._ragged[name]
                # [num_rows, (length)]
                values = tf.gather(lists, rows if known is None else tf.where(known, rows, empty))
            else:
                table, spans = (
                    (numbers, self._number_columns)
                    if name in self._number_columns
                    else (codes, self._code_columns)
                )
                assert table is not None
                begin, end = spans[name]
                # [num_rows, *shape]
                values = tf.reshape(table[:, begin:end], (-1, *shape))
                if known is not None:
                    shaped = tf.reshape(known, (-1,) + (1,) * len(shape))
                    values = tf.where(shaped, values, tf.zeros((), values.dtype))
            delivered[name] = values
            if known is not None:
                delivered[f"{name}/known"] = tf.cast(known, tf.float32)
        for name, column in columns.items():
            # [num_rows]
            age = tf.cast(seed_times - tf.where(reached[name], column, seed_times), tf.float32)
            if name in self._outcomes:
                delivered[f"{name}/age"] = age
                delivered[f"{name}/known"] = tf.cast(reached[name], tf.float32)
            else:
                delivered[f"{name}/age"] = tf.where(reached[name], age, np.float32(np.nan))
        return delivered


def _lists(feature: Feature) -> tuple[tf.RaggedTensor, int]:
    """All lists and, behind them, an empty one; and that one's row."""
    dtype = np.float32 if feature.vocabulary is None else np.int32
    lists: Ragged = feature.values
    splits = np.append(lists.splits, lists.splits[-1]).astype(np.int32)
    values = tf.constant(np.asarray(lists.flat, dtype))
    return tf.RaggedTensor.from_row_splits(values, splits), len(lists)


def _side_by_side(
    arrays: Mapping[str, npt.NDArray[Any]], dtype: type[np.generic]
) -> tuple[tf.Tensor | None, dict[str, tuple[int, int]]]:
    """One tensor [num_items, total width] of all columns, and where each begins and ends."""
    if not arrays:
        return None, {}
    blocks = [
        array.reshape(len(array), math.prod(array.shape[1:])).astype(dtype, copy=False)
        for array in arrays.values()
    ]
    ends = np.cumsum([block.shape[1] for block in blocks]).tolist()
    spans = {
        name: (end - block.shape[1], end)
        for name, block, end in zip(arrays, blocks, ends, strict=True)
    }
    return tf.constant(np.concatenate(blocks, axis=1)), spans
