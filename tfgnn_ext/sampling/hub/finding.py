"""Which sources have so many edges that no block should hold them all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from tfgnn_ext.sampling.blocks import Arrays, join, route

_SKETCH = 1 << 12
Int64 = npt.NDArray[np.int64]


def heavy_sources(sources: npt.NDArray[Any]) -> Arrays:
    """The sources with at least one in `_SKETCH` of some rows, and how many rows each has.

    A source with D of E edges in all is found with a count of at least ``D - E / _SKETCH``.

    >>> heavy_sources(np.array([3, 3, 7])) == {} or sorted(heavy_sources(np.array([3, 3, 7])))
    ['count', 'id']
    """
    cells = route(sources, _SKETCH)
    full = np.bincount(cells, minlength=_SKETCH) * _SKETCH >= len(sources)
    ids, counts = np.unique(sources[full[cells]], return_counts=True)
    enough = counts * _SKETCH >= len(sources)
    return {"id": ids[enough], "count": counts[enough]}


def hubs_of(found: Iterable[Arrays], slice_edges: int) -> npt.NDArray[Any]:
    """The ids of the hubs, ascending: sources with more than `slice_edges` edges."""
    parts = [part for part in found if len(part["id"])]
    if not parts:
        return np.empty(0, np.int64)
    heavy = join(parts)
    ids, inverse = np.unique(heavy["id"], return_inverse=True)
    hubs: npt.NDArray[Any] = ids[np.bincount(inverse, heavy["count"]) > slice_edges]
    return hubs


def find_hubs(ids: npt.NDArray[Any], hubs: npt.NDArray[Any]) -> Int64:
    """The number of the hub that each id is, or -1."""
    if not len(hubs):
        return np.full(len(ids), -1)
    rows = np.searchsorted(hubs, ids)
    rows[rows == len(hubs)] = 0
    return np.where(hubs[rows] == ids, rows, -1)
