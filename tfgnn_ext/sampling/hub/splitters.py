"""Cutting a hub into slices: contiguous runs of its canonical order, about equally long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfgnn_ext.sampling.blocks import Arrays, join, take

_SAMPLES = 64  # Of a slice.
Int64 = npt.NDArray[np.int64]


def _order_columns(edges: Arrays) -> list[npt.NDArray[Any]]:
    """The canonical order's columns, the first one last, as `lexsort` takes them."""
    return [edges["target"], *([edges["time"]] if "time" in edges else [])]


def sample_edges(edges: Arrays, slice_edges: int) -> Arrays:
    """Every so many of a hub's edges in canonical order: what splitters are chosen from."""
    order = np.lexsort(_order_columns(edges))
    every = max(slice_edges // _SAMPLES, 1)
    kept: Arrays = {name: edges[name] for name in ("target", "time") if name in edges}
    return take(kept, order[every // 2 :: every])


def choose_splitters(samples: Sequence[Arrays]) -> Arrays:
    """The first edges of all slices but the first: each once."""
    joined = join(samples)
    order = np.lexsort(_order_columns(joined))
    cuts = take(joined, order[_SAMPLES::_SAMPLES])
    new = np.ones(len(cuts["target"]), np.bool_)
    new[1:] = np.any([column[1:] != column[:-1] for column in _order_columns(cuts)], axis=0)
    return take(cuts, new)


def slices_of(edges: Arrays, splitters: Arrays) -> Int64:
    """The slice of each edge: how many splitters are not behind it."""
    cuts, count = len(splitters["target"]), len(edges["target"])
    columns = zip(_order_columns(splitters), _order_columns(edges), strict=True)
    behind = np.concatenate([np.zeros(cuts, np.int8), np.ones(count, np.int8)])
    order = np.lexsort((behind, *(np.concatenate(pair) for pair in columns)))
    passed = np.cumsum(order < cuts)
    found = np.empty(cuts + count, np.int64)
    found[order] = passed
    return found[cuts:]
