"""Arrow columns as the arrays that a graph holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tfgnn_ext.graph.feature import NEVER, Feature
from tfgnn_ext.graph.ragged import Ragged


def is_string(kind: pa.DataType) -> bool:
    """Whether an Arrow type holds strings (dictionary-coded ones included)."""
    if pa.types.is_dictionary(kind):
        return is_string(kind.value_type)
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_binary(kind)
    )


def _plain(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array


def inner(column: pa.ChunkedArray) -> tuple[pa.Array, tuple[int, ...]]:
    """The innermost values of a nested column, and the shape of one row.

    Raises:
      ValueError: Lists of one level differ in length, or one is null.
    """
    array = _plain(column)
    shape: list[int] = []
    while pa.types.is_nested(array.type):
        if array.null_count:
            raise ValueError(f"no null lists. Got {array.null_count}")
        if pa.types.is_fixed_size_list(array.type):
            size = array.type.list_size
        elif pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
            sizes = pc.unique(pc.list_value_length(array)).to_pylist()
            if len(sizes) > 1:
                raise ValueError(f"lists of one length. Got lengths {sorted(sizes, key=str)[:4]}")
            size = sizes[0] if sizes else 0
        else:
            raise ValueError(f"numbers, strings or lists of them. Got {array.type}")
        shape.append(size)
        array = array.flatten()
    return array, tuple(shape)


def lists(column: pa.ChunkedArray) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    """The values of a column of lists, one after another, and the length of each list.

    A null list is an empty one.

    Raises:
      ValueError: The column holds no lists, or lists of lists.
    """
    array = _plain(column)
    if pa.types.is_null(array.type):
        return array.slice(0, 0), np.zeros(len(array), np.int64)
    if not pa.types.is_nested(array.type) or pa.types.is_struct(array.type):
        raise ValueError(f"lists, since its shape is [-1]. Got {array.type}")
    if not (
        pa.types.is_fixed_size_list(array.type)
        or pa.types.is_list(array.type)
        or pa.types.is_large_list(array.type)
    ) or pa.types.is_nested(array.type.value_type):
        raise ValueError(f"lists of numbers or strings. Got {array.type}")
    lengths = np.asarray(pc.fill_null(pc.list_value_length(array), 0)).astype(np.int64)
    return array.flatten(), lengths


def to_ids(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """An id column as int64 or as utf-8 byte strings; it must hold no nulls."""
    array = _plain(column)
    if is_string(array.type):
        values = array.cast(pa.large_binary()).to_numpy(zero_copy_only=False)
        return values.astype(np.bytes_) if len(values) else np.empty(0, "S1")
    return np.asarray(array.cast(pa.int64()))


def to_times(column: pa.ChunkedArray, *, round_up: bool = True) -> npt.NDArray[np.int64]:
    """A time column as int64; timestamps become seconds since 1970 UTC, nulls `NEVER`.

    Args:
      column: Integers, which stay as they are, or timestamps.
      round_up: Which way fractions of a second go. Up for events and down for seeds: then no seed
        sees an event of the same second that came after it.
    """
    array = _plain(column)
    if pa.types.is_timestamp(array.type) and array.type.unit != "s":
        rounded = pc.ceil_temporal if round_up else pc.floor_temporal
        array = rounded(array, unit="second").cast(pa.timestamp("s", array.type.tz))
    return np.asarray(pc.fill_null(array.cast(pa.int64()), NEVER))


def to_feature(
    column: pa.ChunkedArray, dtype: str, shape: tuple[int, ...] = (), known_at: str | None = None
) -> Feature:
    """A feature column.

    Args:
      column: Of any nesting with one fixed shape, or lists of any lengths.
      shape: That shape, or ``(-1,)`` for lists of any lengths.
      dtype: "DT_FLOAT" (nulls become NaN), "DT_INT64" or "DT_STRING".
      known_at: See `Feature`.

    Raises:
      ValueError: What the column should hold and what it holds.
    """
    if shape == (-1,):
        array, lengths = lists(column)
        each = to_feature(pa.chunked_array([array]), dtype)
        return Feature(Ragged.from_lengths(each.flat, lengths), each.vocabulary, known_at)
    array, _ = inner(column)
    rows = len(column)
    if dtype == "DT_STRING":
        filled = pc.fill_null(array.cast(pa.large_binary()), b"")
        vocabulary = np.unique(np.array([b"", *pc.unique(filled).to_pylist()], np.bytes_))
        encoded = filled.dictionary_encode()
        codes = np.searchsorted(
            vocabulary, np.array(encoded.dictionary.to_pylist() or [b""], np.bytes_)
        ).astype(np.int32)
        values = codes[np.asarray(encoded.indices)] if len(filled) else np.empty(0, np.int32)
        return Feature(values.reshape(rows, *shape), vocabulary, known_at)
    if dtype == "DT_INT64":
        if array.null_count:
            raise ValueError(f"no nulls, since it is DT_INT64. Got {array.null_count}")
        return Feature(np.asarray(array.cast(pa.int64())).reshape(rows, *shape), None, known_at)
    floats = np.asarray(pc.fill_null(array.cast(pa.float32(), safe=False), float("nan")))
    return Feature(floats.astype(np.float32, copy=False).reshape(rows, *shape), None, known_at)
