"""The rows that a column of ids refers to, looked up once however many edge sets share it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tfgnn_ext.graph.columns import is_string, to_ids


class EndRows:
    """Looks up columns of ids in node sets.

    A reversed or timed copy of an edge set reads the same columns of the same table: the memo makes
    it free.
    """

    def __init__(self) -> None:
        self._ids: dict[str, tuple[pa.Array, npt.NDArray[np.int64]]] = {}
        self._memo: dict[tuple[int, str, str], npt.NDArray[np.int64]] = {}

    def add(self, node_set: str, column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
        """Registers a node set's id column (no nulls); returns the order that sorts it.

        Repeated ids are found by the caller: equal ids are adjacent in this order.
        """
        ids = to_ids(column)
        order: npt.NDArray[np.int64] = np.argsort(ids, kind="stable")
        ranks = np.empty(len(order), np.int64)
        ranks[order] = np.arange(len(order))
        self._ids[node_set] = (_comparable(column), ranks)
        return order

    def __contains__(self, node_set: str) -> bool:
        return node_set in self._ids

    def kind(self, node_set: str) -> str:
        """What ids a node set has: "string" or "int64"."""
        return "string" if is_string(self._ids[node_set][0].type) else "int64"

    def rows(self, table: pa.Table, column: str, node_set: str) -> npt.NDArray[np.int64]:
        """The row of each id of ``table[column]``, int64 [num_rows]; -1 for null and unknown."""
        key = (id(table), column, node_set)
        if key not in self._memo:
            ids, ranks = self._ids[node_set]
            found = pc.index_in(_comparable(table[column]), value_set=ids, skip_nulls=True)
            slots = np.asarray(pc.fill_null(found, -1)).astype(np.int64)
            self._memo[key] = np.where(slots < 0, -1, ranks[slots]) if len(ranks) else slots
        return self._memo[key]


def _comparable(column: pa.ChunkedArray) -> Any:
    """One array of one of two types, so that ids of different widths compare."""
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array.cast(pa.large_string() if is_string(array.type) else pa.int64())
