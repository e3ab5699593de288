"""What every table of seeds holds, of nodes and of pairs: ids, times and splits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tfgnn_ext.graph.check_columns import check_ids, check_time
from tfgnn_ext.graph.columns import to_ids, to_times
from tfgnn_ext.graph.feature import NEVER
from tfgnn_ext.graph.graph import Graph
from tfgnn_ext.graph.tables import TableFiles

SPLITS = ("train", "validation", "test")
_WHERE = "seeds table"


def check_seed_columns(
    table: pa.Table, *, ids: Sequence[str], time: str | None, others: Sequence[str]
) -> None:
    """Checks that a table of seeds has its columns, without nulls.

    Args:
      table: The rows.
      ids: The columns of ids.
      time: The column of times, if there is one.
      others: The columns of splits, labels and the like.

    Raises:
      ValueError: One is missing, has a null, or has a type that ids or times cannot have.
    """
    for column in (*ids, *others, *([] if time is None else [time])):
        if column not in table.column_names:
            raise ValueError(
                f"{_WHERE}: must have a column {column!r}. "
                f"Got columns {', '.join(table.column_names)}."
            )
        if table[column].null_count:
            row = int(np.flatnonzero(np.asarray(pc.is_null(table[column])))[0])
            raise ValueError(
                f"{_WHERE}: column {column!r} must have no nulls. Got one at row {row}."
            )
    files = TableFiles(table)
    problems = [problem for column in ids for problem in check_ids(_WHERE, column, files, "")]
    problems += [] if time is None else check_time(_WHERE, time, files)
    if problems:
        raise ValueError(problems[0])


def read_rows(graph: Graph, node_set: str, table: pa.Table, column: str) -> npt.NDArray[np.int32]:
    """The rows in a node set of the nodes that a column of ids names.

    Raises:
      ValueError: There is no such node.
    """
    try:
        return graph.node_sets[node_set].rows(to_ids(table[column])).astype(np.int32)
    except ValueError as error:
        raise ValueError(f"{_WHERE}: column {column!r}: {error}") from None


def read_splits(table: pa.Table, column: str) -> npt.NDArray[np.int8]:
    """Indices into `SPLITS`, ``[num_rows]``.

    Raises:
      ValueError: A value is no split.
    """
    names = [
        value.decode(errors="replace") if isinstance(value, bytes) else str(value)
        for value in table[column].to_pylist()
    ]
    number_of = {name: number for number, name in enumerate(SPLITS)}
    splits = np.array([number_of.get(name, -1) for name in names], np.int8)
    wrong = np.flatnonzero(splits < 0)
    if len(wrong):
        raise ValueError(
            f"{_WHERE}: column {column!r} must be one of {', '.join(SPLITS)}. "
            f"Got {names[wrong[0]]!r} at row {wrong[0]}."
        )
    return splits


def read_seed_times(table: pa.Table, column: str | None) -> npt.NDArray[Any] | None:
    """The times up to which seeds may see, int64 ``[num_rows]``, if there are such.

    Raises:
      ValueError: A time is `NEVER`.
    """
    if column is None:
        return None
    times = to_times(table[column], round_up=False)
    if np.any(times == NEVER):
        raise ValueError(f"{_WHERE}: column {column!r} must hold real times. Got {NEVER}.")
    return times


def split_number(name: str) -> int:
    """The index of a split.

    >>> split_number("test")
    2
    """
    if name not in SPLITS:
        raise ValueError(f"`name` of `split` must be one of {', '.join(SPLITS)}. Got {name!r}.")
    return SPLITS.index(name)
