"""Labels of seeds: a class, any number of classes, or numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tfgnn_ext.graph.columns import is_string, lists

Target = Literal["class", "classes", "values"]
_DECISION = ", one of several that are a class each, must hold booleans, or 0 and 1"


def target_of(labels: npt.NDArray[Any]) -> Target:
    """What an array of labels holds: "class" int ``[n]``, "classes" int ``[n, K]``, else "values".

    >>> target_of(np.array([0, 2])), target_of(np.eye(2, dtype=np.int8)), target_of(np.eye(2))
    ('class', 'classes', 'values')
    """
    if labels.dtype.kind == "f":
        return "values"
    return "class" if labels.ndim == 1 else "classes"


def read_labels(
    table: pa.Table, columns: Sequence[str], target: Target | None = None
) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """Reads the labels of a table of seeds.

    Args:
      table: The rows; the columns have no nulls.
      columns: One column; of several, each is a class (of 0 and 1) or a value.
      target: What they hold; default: lists are "classes", floats are "values", and one column of
        anything else is a "class".

    Returns:
      Labels: for "class", int32 ``[num_seeds]``; for "classes", int8 ``[num_seeds, num_classes]``
      of 0 and 1; for "values", float32 ``[num_seeds, num_columns]``. And the names of the classes
      in sorted order (of several columns, in theirs); for "values", of the columns.

    Raises:
      ValueError: A column holds something else.

    >>> table = pa.table({"y": [["b"], ["a", "b"]], "z": [1.5, 2.0]})
    >>> labels, classes = read_labels(table, ["y"])
    >>> labels.tolist(), classes
    ([[0, 1], [1, 1]], ('a', 'b'))
    >>> read_labels(table, ["z"])
    (array([[1.5],
           [2. ]], dtype=float32), ('z',))
    """
    if target is None:
        kinds = [table[name].type for name in columns]
        if any(map(pa.types.is_nested, kinds)):
            target = "classes"
        elif any(pa.types.is_floating(kind) for kind in kinds):
            target = "values"
        else:
            target = "class" if len(columns) == 1 else "classes"
    if target == "values":
        return np.column_stack([_values(table[name], name) for name in columns]), tuple(columns)
    if len(columns) > 1:
        if target == "class":
            raise ValueError(
                f"seeds table: a class must be in one column. Got {', '.join(columns)}."
            )
        return np.column_stack(
            [zeros_and_ones(table[name], name, _DECISION) for name in columns]
        ), tuple(columns)
    name = columns[0]
    return (_class if target == "class" else _classes)(table[name], name)


def _class(column: pa.ChunkedArray, name: str) -> tuple[npt.NDArray[np.int32], tuple[str, ...]]:
    kind = column.type
    if not _is_class(kind):
        raise ValueError(
            f"seeds table: column {name!r} must hold integers, booleans or strings. Got {kind}."
        )
    if pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
    values = np.asarray(column.to_pylist())
    classes, labels = np.unique(values, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"seeds table: column {name!r} must hold at least two classes. Got {classes.tolist()}."
        )
    return labels.astype(np.int32), tuple(str(value) for value in classes)


def _classes(column: pa.ChunkedArray, name: str) -> tuple[npt.NDArray[np.int8], tuple[str, ...]]:
    kind = column.type
    # Maps and structs are nested types without one.
    value = getattr(kind, "value_type", None)
    if value is None or not pa.types.is_nested(kind) or not _is_class(value):
        raise ValueError(
            f"seeds table: column {name!r} must hold lists of integers or strings. Got {kind}."
        )
    flat, lengths = lists(column)
    if flat.null_count:
        raise ValueError(f"seeds table: column {name!r} must have no nulls in its lists. Got one.")
    classes, codes = np.unique(np.asarray(flat.to_pylist()), return_inverse=True)
    if not len(classes):
        raise ValueError(f"seeds table: column {name!r} must hold classes. Got empty lists only.")
    labels = np.zeros((len(lengths), len(classes)), np.int8)
    labels[np.repeat(np.arange(len(lengths)), lengths), codes] = 1
    return labels, tuple(str(value) for value in classes)


def zeros_and_ones(column: pa.ChunkedArray, name: str, must: str) -> npt.NDArray[np.int8]:
    """A column of booleans, or of 0 and 1, ``[num_rows]``.

    Args:
      column: The values.
      name: Of the column.
      must: What an error says that it must hold.

    Raises:
      ValueError: It holds something else.
    """
    if pa.types.is_boolean(column.type):
        return np.asarray(column.cast(pa.int8()))
    values = np.asarray(column.to_pylist())
    wrong = np.flatnonzero(~np.isin(values, (0, 1)))
    if len(wrong):
        raise ValueError(
            f"seeds table: column {name!r}{must}. Got {values[wrong[0]].item()!r} at row "
            f"{wrong[0]}."
        )
    return values.astype(np.int8)


def _values(column: pa.ChunkedArray, name: str) -> npt.NDArray[np.float32]:
    kind = column.type
    number = pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)
    if not number:
        raise ValueError(f"seeds table: column {name!r} must hold numbers. Got {kind}.")
    exact = np.asarray(column.cast(pa.float64(), safe=False), np.float64)
    with np.errstate(over="ignore"):
        values = exact.astype(np.float32)
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        raise ValueError(
            f"seeds table: column {name!r} must hold finite numbers. Got {values[wrong[0]]} at row "
            f"{wrong[0]}."
        )
    varies = len(exact) > 0 and np.ptp(exact) > 0
    if varies and np.abs(values - exact).max() > 1e-3 * exact.std():
        raise ValueError(
            f"seeds table: column {name!r} must hold numbers that float32 tells apart: take their "
            f"mean off. Got mean {exact.mean():.9g}, deviation {exact.std():.3g}."
        )
    return values


def _is_class(kind: pa.DataType) -> bool:
    return is_string(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)
