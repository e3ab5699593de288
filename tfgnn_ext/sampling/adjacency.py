"""One block of an edge set: its edges in canonical order, and draws from them for many requests.

A block holds all edges of its sources, sorted by source, then in canonical order, as columns:
``source`` (distinct ids, ascending), ``begin`` (where a source's edges begin; one entry more), and
per edge ``target``, ``time`` and features. What is drawn for a request is what the in-memory engine
draws: the same `draw_edges`, the same key, the same order.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from tfgnn_ext.graph import Feature, canonical_order
from tfgnn_ext.graph.node_set import id_keys
from tfgnn_ext.sampling.blocks import WORDS, Arrays, join, take
from tfgnn_ext.sampling.draws import draw_edges, draw_edges_without, visible
from tfgnn_ext.sampling.keys import mix, name_key, operation_key
from tfgnn_ext.sampling.link import Link
from tfgnn_ext.sampling.plan import STRATEGIES, SamplingOp
from tfgnn_ext.sampling.sampled_batch import Int64
from tfgnn_ext.sampling.weights import cumulative_weights, falling_order

FEATURE = "f:"  # Before the names of feature columns.
_LARGEST = np.iinfo(np.int64).max
_NO_INT64 = np.empty(0, np.int64)


def features_of(block: Arrays) -> dict[str, Feature]:
    """The features of a block, without what is known when."""
    return {
        name.removeprefix(FEATURE): Feature(values, block.get(name + WORDS))
        for name, values in block.items()
        if name.startswith(FEATURE) and not name.endswith(WORDS)
    }


def build_adjacency(parts: list[Arrays]) -> Arrays:
    """Sorts the edges of one block.

    Args:
      parts: Columns ``source``, ``target``, ``time`` and ``key`` (key words of edge ids) where the
        edge set has them, and features, in any order.
    """
    raw = join(parts)
    # Ranks within the block sort as the ids do.
    sources, targets = (
        np.unique(raw[end], return_inverse=True)[1] if raw[end].dtype.kind == "S" else raw[end]
        for end in ("source", "target")
    )
    order = canonical_order(sources, targets, raw.get("time"), raw.get("key"), features_of(raw))
    source = raw.pop("source")[order]
    raw.pop("key", None)
    first = (
        np.concatenate([[True], source[1:] != source[:-1]]) if len(source) else np.empty(0, bool)
    )
    begin = np.append(np.flatnonzero(first), len(source))
    edges = take(raw, order)
    return {"source": source[first], "begin": begin, **edges}


@njit(nogil=True, cache=True)
def _most_drawn(begins, ends, times, seed_times, fanout):  # type: ignore[no-untyped-def]
    """Shortens each request to what its seed sees; returns the most edges drawn in all."""
    timed = seed_times.shape[0] > 0
    total = np.int64(0)
    for request in range(begins.shape[0]):
        length = ends[request] - begins[request]
        if timed:
            length = visible(times, begins[request], ends[request], seed_times[request])
            ends[request] = begins[request] + length
        total += min(length, fanout)
    return total


@njit(nogil=True, cache=True)
def _draw_requests(  # type: ignore[no-untyped-def]
    strategy,
    fanout,
    operation_key,
    seed_keys,
    source_keys,
    begins,
    ends,
    cumulative,
    order,
    gap_ends,
    gap_positions,
    positions,
    counts,
):
    """Draws for each request; positions from its source's first edge, one request after another.

    ``gap_positions[gap_ends[i - 1]:gap_ends[i]]`` are those that request i must not draw; without
    any, `gap_ends` is [0].
    """
    total = np.int64(0)
    longest = np.int64(0)
    for request in range(begins.shape[0]):
        longest = max(longest, ends[request] - begins[request])
    scratch = np.empty(min(longest, fanout), np.int64)
    for request in range(begins.shape[0]):
        length = ends[request] - begins[request]
        drawn = np.int64(0)
        if length > 0:
            key = mix(mix(operation_key, seed_keys[request]), source_keys[request])
            gaps = gap_positions[:0]
            if gap_ends.shape[0]:
                first = gap_ends[request - 1] if request > 0 else 0
                gaps = gap_positions[first : gap_ends[request]]
            if gaps.shape[0]:
                drawn = draw_edges_without(
                    strategy, key, cumulative, order, begins[request], length, fanout, gaps, scratch
                )
            else:
                drawn = draw_edges(
                    strategy, key, cumulative, order, begins[request], length, fanout, scratch
                )
        for index in range(drawn):
            positions[total + index] = scratch[index]
        counts[request] = drawn
        total += drawn
    return total


@dataclasses.dataclass(frozen=True)
class Drawing:
    """One operation, ready to be drawn on blocks.

    Attributes:
      op: The operation.
      timed: Whether its edge set has a time.
      seed, epoch: Of the plan.
      link: Of the plan. Requests then have the columns ``first`` and ``second``, the pair's ids,
        and ``linked``, the second id of the positive pair that it belongs to.
    """

    op: SamplingOp
    timed: bool
    seed: int
    epoch: int
    link: Link | None = None

    @property
    def weighted(self) -> bool:
        """Whether edges are drawn by their weights."""
        return self.op.strategy == "weighted"

    @property
    def fanout(self) -> int:
        """The most that are drawn for a request."""
        return _LARGEST if self.op.fanout is None else self.op.fanout

    @property
    def by_name(self) -> str:
        """How an error speaks of the feature that the strategy reads."""
        return f"`by` of `SamplingOp` {self.op.name!r}, feature {self.op.by!r},"

    def __call__(self, block: Arrays, requests: Arrays) -> Arrays:
        """Draws from one block.

        Args:
          block: Of `build_adjacency`.
          requests: ``component`` int64, ``key`` uint64 (the seed's key word), ``time`` int64 where
            samples are timed, ``id`` (of the source); a pair of component and id occurs once.

        Returns:
          A row an edge: ``component``, ``key``, ``time``, ``source``, ``target``, ``position``
          (int32, in its source's canonical order), ``edge_time`` and features.
        """
        sources = block["source"]
        rows = np.asarray(np.searchsorted(sources, requests["id"]))
        rows[rows == len(sources)] = 0
        found = np.flatnonzero(sources[rows] == requests["id"]) if len(sources) else _NO_INT64
        rows, requests = rows[found], take(requests, found)
        begins, ends = np.array(block["begin"][rows]), np.array(block["begin"][rows + 1])
        times = np.array(block["time"]) if self.timed else _NO_INT64
        seed_times = requests["time"] if self.timed else _NO_INT64
        most = _most_drawn(begins, ends, times, seed_times, self.fanout)
        cumulative, order = self._by(block)
        positions, counts = np.empty(most, np.int64), np.empty(len(rows), np.int64)
        total = _draw_requests(
            STRATEGIES.index(self.op.strategy),
            self.fanout,
            operation_key(self.seed, self.epoch, name_key(self.op.name)),
            requests["key"],
            _keys_of(sources, rows),
            begins,
            ends,
            cumulative,
            order,
            *self._gaps(block, requests, begins, ends),
            positions,
            counts,
        )
        positions = positions[:total]
        edges = np.repeat(begins, counts) + positions
        drawn = {name: np.repeat(values, counts) for name, values in requests.items()}
        drawn["source"] = drawn.pop("id")
        drawn["target"] = block["target"][edges]
        drawn["position"] = positions.astype(np.int32)
        if self.timed:
            drawn["edge_time"] = block["time"][edges]
        features = {name: v for name, v in block.items() if name.startswith(FEATURE)}
        return {**drawn, **take(features, edges)}

    def _gaps(
        self, block: Arrays, requests: Arrays, begins: Int64, ends: Int64
    ) -> tuple[Int64, Int64]:
        """The positions of the edges that a `Link` leaves out, for `_draw_requests`."""
        link = self.link
        if link is None or self.op.edge_set not in (link.edge_set, link.reverse):
            return _NO_INT64, _NO_INT64
        ids, none = requests["id"], _NO_INT64
        found: dict[int, Int64] = {}
        orders: dict[int, Int64] = {}  # Of a source's edges, by target.
        for end, other, edge_set in (
            ("first", "second", link.edge_set),
            ("first", "linked", link.edge_set),
            ("second", "first", link.reverse),
            ("linked", "first", link.reverse),
        ):
            if edge_set != self.op.edge_set:
                continue
            for request in np.flatnonzero(ids == requests[end]).tolist():
                begin, visible_end = int(begins[request]), int(ends[request])
                if begin not in orders:
                    end_of_source = int(np.searchsorted(block["begin"], begin, side="right"))
                    whole = block["target"][begin : int(block["begin"][end_of_source])]
                    orders[begin] = np.argsort(whole, kind="stable")
                order = orders[begin]
                targets = block["target"][begin : begin + len(order)]
                low, high = (
                    np.searchsorted(targets, requests[other][request], side=side, sorter=order)
                    for side in ("left", "right")
                )
                positions = order[low:high]
                positions = positions[positions < visible_end - begin]
                found[request] = np.union1d(found.get(request, none), positions)
        parts = [found.get(request, none) for request in range(len(ids))]
        flat = np.concatenate([none, *parts]).astype(np.int64)
        return np.cumsum([len(part) for part in parts], dtype=np.int64), flat

    def _by(self, block: Arrays) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The prefix sums of weights, or the order, that the strategy reads."""
        if self.op.by is None:
            return _NO_INT64, _NO_INT64
        values, begin, name = block[FEATURE + self.op.by], block["begin"], self.by_name
        if self.weighted:
            return cumulative_weights(values, begin, timed=self.timed, name=name), _NO_INT64
        return _NO_INT64, falling_order(values, begin, name=name)


def _keys_of(ids: npt.NDArray[Any], rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """The key words of some ids; a string is hashed once however many rows name it."""
    if ids.dtype.kind == "i":
        return id_keys(ids[rows])
    used, inverse = np.unique(rows, return_inverse=True)
    keys: npt.NDArray[np.uint64] = id_keys(ids[used])[inverse]
    return keys


def distinct(block: Arrays) -> Arrays:
    """The rows of a block of requests whose component and id did not occur before.

    >>> rows = distinct({"component": np.array([1, 0, 1]), "id": np.array([5, 5, 5])})
    >>> rows["component"].tolist()
    [0, 1]
    """
    order = np.lexsort((block["id"], block["component"]))
    component, ids = block["component"][order], block["id"][order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (component[1:] != component[:-1]) | (ids[1:] != ids[:-1])
    return take(block, order[new])
