"""Checks of single columns: ids, times, features, weights. Each yields one line a problem."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tfgnn_ext.graph import protos
from tfgnn_ext.graph.columns import inner, is_string, lists, to_ids
from tfgnn_ext.graph.node_set import display_id
from tfgnn_ext.graph.schema import feature_shape
from tfgnn_ext.graph.tables import TableFiles

_DTYPE_NAMES = {number: name for name, number in protos.DATA_TYPES.items()}
SUPPORTED = ("DT_FLOAT", "DT_INT64", "DT_STRING")


def dtype_name(feature: Any) -> str:
    """The name of a schema feature's dtype, such as "DT_FLOAT"."""
    return _DTYPE_NAMES.get(feature.dtype, str(feature.dtype))


def check_ids(where: str, column: str, source: TableFiles, nulls: str | None) -> Iterator[str]:
    """Ids must be int64 or strings, and not null.

    Args:
      where: The set, as messages call it.
      column: The column, which exists.
      source: The table.
      nulls: What allows nulls, for the message; None if nulls are fine.
    """
    array = source.table[column]
    if not (is_string(array.type) or pa.types.is_integer(array.type)):
        yield f"{where}: column {column!r} must hold int64 or string ids. Got {array.type}."
        return
    if array.null_count and nulls is not None:
        row = _first(np.asarray(pc.is_null(array)))
        yield (
            f"{where}: column {column!r} must have no nulls{nulls}. Got {array.null_count}, the "
            f"first at {source.where(row)}."
        )
    if pa.types.is_uint64(array.type):
        try:
            array.cast(pa.int64())
        except pa.ArrowInvalid:
            largest = pc.max(array).as_py()
            yield f"{where}: column {column!r} must hold ids below 2^63. Got {largest}."


def check_unique(
    where: str, column: str, source: TableFiles, order: npt.NDArray[np.int64] | None = None
) -> Iterator[str]:
    """Ids must be distinct.

    Args:
      where, column, source: As for `check_ids`, which must have found nothing.
      order: The order that sorts the ids, if known.
    """
    ids = to_ids(source.table[column])
    order = np.argsort(ids, kind="stable") if order is None else order
    ordered = ids[order]
    repeats = np.flatnonzero(ordered[1:] == ordered[:-1])
    if len(repeats):
        row = int(order[repeats + 1].min())
        yield (
            f"{where}: column {column!r} must hold unique ids. Got {display_id(ids[row])!r} again "
            f"at {source.where(row)} ({len(repeats)} repeats)."
        )


def check_time(where: str, column: str, source: TableFiles) -> Iterator[str]:
    """Times must be integers or timestamps; null means never."""
    if source.table.column_names.count(column) != 1:
        return
    found = source.table[column].type
    fits = pa.types.is_integer(found) and not pa.types.is_uint64(found)
    if not (fits or pa.types.is_timestamp(found) or pa.types.is_null(found)):
        yield f"{where}: time column {column!r} must hold integers or timestamps. Got {found}."


def check_feature(where: str, column: str, declared: Any, source: TableFiles) -> Iterator[str]:
    """A feature must have its schema's dtype and shape, and only finite values or nulls."""
    if source.table.column_names.count(column) != 1:
        return
    where = f"{where}: feature {column!r}"
    dtype, shape = dtype_name(declared), feature_shape(declared)
    if dtype not in SUPPORTED:
        yield f"{where} must be of dtype {', '.join(SUPPORTED)}. Got {dtype}."
        return
    ragged = shape == (-1,)
    if declared.shape.unknown_rank or (any(size < 0 for size in shape) and not ragged):
        yield f"{where} must have a fixed shape or [-1] in its schema. Got {list(shape)}."
        return
    lengths = None
    try:
        if ragged:
            (array, lengths), found = lists(source.table[column]), shape
        else:
            array, found = inner(source.table[column])
    except ValueError as error:
        yield f"{where} must hold {error}."
        return
    if source.table.num_rows and found != shape:
        yield f"{where} must have shape {list(shape)} by its schema. Got {list(found)}."
        return
    if not _fits(array.type, dtype):
        yield f"{where} must be {dtype} by its schema. Got {array.type}."
        return
    width = max(int(np.prod(shape)), 1)

    def place(position: int) -> str:
        if lengths is None:
            return source.where(position // width)
        return source.where(int(np.searchsorted(np.cumsum(lengths), position, side="right")))

    if dtype == "DT_INT64":
        yield from _check_integers(where, array, place)
    elif dtype == "DT_FLOAT":
        yield from _check_floats(where, array, place)


def check_weights(where: str, column: str, source: TableFiles) -> Iterator[str]:
    """Weights must be numbers >= 0, and not null."""
    if source.table.column_names.count(column) != 1:
        return
    array = source.table[column]
    if not (pa.types.is_integer(array.type) or pa.types.is_floating(array.type)):
        yield f"{where}: weight {column!r} must hold scalar numbers. Got {array.type}."
        return
    values = np.asarray(pc.fill_null(array.cast(pa.float64(), safe=False), float("nan")))
    wrong = ~(values >= 0)
    if wrong.any():
        row = _first(wrong)
        value = array[row].as_py()
        shown = "null" if value is None else value
        yield (
            f"{where}: weight {column!r} must be >= 0. Got {shown} at {source.where(row)} "
            f"({wrong.sum()} such rows)."
        )


def _fits(kind: pa.DataType, dtype: str) -> bool:
    if pa.types.is_null(kind):
        return True
    whole = pa.types.is_integer(kind) or pa.types.is_boolean(kind)
    if dtype == "DT_STRING":
        return is_string(kind)
    return bool(whole or (dtype == "DT_FLOAT" and pa.types.is_floating(kind)))


def _check_integers(where: str, array: pa.Array, place: Callable[[int], str]) -> Iterator[str]:
    if array.null_count:
        position = _first(np.asarray(pc.is_null(array)))
        yield (
            f"{where} must have no nulls, since it is DT_INT64 (DT_FLOAT may have them). "
            f"Got {array.null_count}, the first at {place(position)}."
        )
    if pa.types.is_uint64(array.type) and array.type != pa.int64():
        large = pc.fill_null(pc.greater(array, pa.scalar(2**63 - 1, pa.uint64())), False)
        if pc.any(large).as_py():
            position = _first(np.asarray(large))
            yield (
                f"{where} must be below 2^63. Got {array[position].as_py()} at {place(position)}."
            )


def _check_floats(where: str, array: pa.Array, place: Callable[[int], str]) -> Iterator[str]:
    if not pa.types.is_floating(array.type):
        return
    with np.errstate(over="ignore"):
        values = np.asarray(pc.fill_null(array.cast(pa.float64()), 0.0)).astype(np.float32)
    wrong = ~np.isfinite(values)
    if wrong.any():
        position = _first(wrong)
        yield (
            f"{where} must be finite as float32 (a missing value is null). Got "
            f"{array[position].as_py()} at {place(position)} "
            f"({wrong.sum()} such values)."
        )


def _first(mask: npt.NDArray[np.bool_]) -> int:
    return int(np.argmax(mask))
